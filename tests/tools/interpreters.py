"""The Pythons that the app must run on: Splunk's two, and the interpreter of the tests."""

from __future__ import annotations

import os
import sys

from tools import interpreters as machine
from tools.vendor import DEFAULT, FLAVOURS

FLAVOUR = FLAVOURS[os.environ.get("TSID_SDK", DEFAULT.sdk)]
"""The flavour of the package under test: `make test SDK=3` sets it."""

SPLUNK_PYTHONS = tuple(FLAVOUR.pythons.split(", "))

PYTHONS = tuple(dict.fromkeys([*filter(None, map(machine.find, SPLUNK_PYTHONS)), sys.executable]))
"""The available ones, for pytest.mark.parametrize."""
