"""Labelled firewall events: as Cisco's firewalls and their add-ons deliver them, each with its truth.

* ``stream``: generates them; ``truth``: the label of an event, and its comparison with the command's answer
* ``seed``: the twenty events of Cisco's KB 226091
* ``scenarios``: a maker of connections for each verdict, and contacts that prove nothing; ``destination``:
  the server of a connection
* ``fleet``: months of many devices, and the states of their licences
* ``flow``: a whole connection, whatever the shape of its log
* ``ftd`` (and ``ftdlines``), ``estreamer``, ``encore``, ``asa``, ``plain``: the shapes, with their add-ons'
  traps (T1 to T13 in comments); ``shape``: their common code
* ``quoted``: ordinary events that contain a record which a stranger wrote
* ``atlas``: addresses and names from the shipped lookups; ``names``: their spellings; ``clock``; ``dice``
"""

from lab.generator.stream import ALL_SCENARIOS, ALL_SHAPES, START, generate
from lab.generator.truth import LabelledEvent, Truth, differences

__all__ = ["ALL_SCENARIOS", "ALL_SHAPES", "START", "LabelledEvent", "Truth", "differences", "generate"]
