"""The decisions: the verdict on a connection, and the state of a device's licence."""
