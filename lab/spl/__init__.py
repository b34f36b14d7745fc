"""Evaluates the SPL that the app ships, strictly: anything unknown is an error, never a guess."""
