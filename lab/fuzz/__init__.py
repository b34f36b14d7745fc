"""Fuzzing: bytes that nobody would write, into everything that reads what strangers wrote.

* ``target``: what a target is; ``targets`` finds one by its name
* ``names``, ``raw``, ``chunks``, ``tables``, ``refresh``: the targets
* ``engine``: one target under atheris, in a process of its own; ``runner`` starts such processes and reads
  their reports; ``shrink`` makes a finding small
* ``python -m lab.fuzz`` is the command line
"""
