"""The Pythons that the app must run on: Splunk's two, and the interpreter of the tests."""

from __future__ import annotations

import sys

from tools import interpreters as machine

SPLUNK_PYTHONS = ("3.9", "3.13")

PYTHONS = tuple(dict.fromkeys([*filter(None, map(machine.find, SPLUNK_PYTHONS)), sys.executable]))
"""The available ones, for pytest.mark.parametrize."""
