"""The benchmark: how fast the command is beside others that get the same bytes through the same pipes.

* ``datasets``: the chunk bodies, encoded once, in files; ``driver``: feeds them to a command and measures it
* ``subjects``: the commands that are compared; ``competitors``: the sources of those that are not this app
* ``bench``: the parts, and how much is measured; ``results``: what was measured
* ``targets``: what has to be reached; ``tables``: the results in rows; ``show``: on the terminal; ``page``:
  in ``docs/performance.md``; ``machine``: what it all ran on

``python -m lab.bench --help`` says how to run it.
"""
