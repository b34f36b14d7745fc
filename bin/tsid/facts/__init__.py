"""The app's lookups as typed tables, and the files that they are read from."""
