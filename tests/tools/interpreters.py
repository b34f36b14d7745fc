"""The Pythons that the app has to run on: Splunk's two, and the one that runs the tests."""

from __future__ import annotations

import sys

from tools import interpreters as machine

SPLUNK_PYTHONS = ("3.9", "3.13")

PYTHONS = tuple(dict.fromkeys([*filter(None, map(machine.find, SPLUNK_PYTHONS)), sys.executable]))
"""Those that this machine has, for pytest.mark.parametrize."""
