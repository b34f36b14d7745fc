"""Search commands to compare with; each file runs alone in the bin folder of an app of its own."""
