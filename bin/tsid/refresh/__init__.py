"""The refresh: finds the current addresses and names of Cisco licensing, and decides what may be written."""
