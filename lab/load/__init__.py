"""Load: what a command does in the long run, and what many do while their lookups are replaced.

* ``events``: events without end, hardly two alike; ``endurance``: one process over very many of them
* ``publisher``: replaces the lookups again and again; ``crowd``: many commands meanwhile

``python -m lab.load --help`` says how to run it.
"""
