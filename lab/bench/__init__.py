"""The benchmark: compares the command's speed with others that get the same bytes through the same pipes.

* ``datasets``: the chunks, encoded beforehand in each form of CSV
* ``subjects``: starts and measures the commands; ``competitors``: the sources of those that are not the app's
* ``results``: the table, the ratios and their bounds
* ``endurance``: ten million events through one process

``python -m lab.bench --help`` and ``python -m lab.bench.endurance --help`` show how to run it.
"""
