"""Runs README.md from top to bottom as a new user would: `make readme`.

Each command in it is run: a shell's in a clean Debian that has nothing but what README itself installs,
a search in the laboratory. What is not run is named in `commands`, with the reason.
"""
