"""A small internet on loopback for the refresh: a DNS server, TLS servers, and a proxy to them."""
