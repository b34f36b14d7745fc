"""The refresh: finds out where Cisco licensing is now, and what may be written about it."""
