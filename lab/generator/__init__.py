"""Labelled firewall events: as Cisco's firewalls and their add-ons deliver them, with what is true of each.

* ``stream``: generates them; ``truth``: what is true, and whether the command said so
* ``seed``: the twenty events of Cisco's KB 226091
* ``scenarios``: what a connection is, one maker for each verdict; ``destination``: its server's end
* ``fleet``: months of many devices, with what becomes of their licences
* ``flow``: a whole connection, whatever the shape of its log
* ``ftd`` (and ``ftdlines``), ``estreamer``, ``encore``, ``asa``, ``plain``: the shapes, with their add-ons'
  traps (T1 to T12 in comments); ``shape``: what they share
* ``atlas``: addresses and names from the shipped lookups; ``names``: their spellings; ``clock``; ``dice``
"""

from lab.generator.stream import ALL_SCENARIOS, ALL_SHAPES, START, generate
from lab.generator.truth import LabelledEvent, Truth, differences

__all__ = ["ALL_SCENARIOS", "ALL_SHAPES", "START", "LabelledEvent", "Truth", "differences", "generate"]
