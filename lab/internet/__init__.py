"""A small internet on loopback for the refresh: a real DNS server, real TLS servers, and a proxy to them."""
