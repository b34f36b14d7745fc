"""Reads single texts (addresses, names, raw events, conf files), and sanitizes untrusted ones."""
