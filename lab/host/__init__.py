"""Runs the app's search commands as splunkd does."""
