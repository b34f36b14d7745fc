"""Runs and checks the app without Splunk, the way splunkd would.

* ``host`` runs a search command, strictly checked, and reads and writes event files
* ``spl`` evaluates searches, ``generator`` makes labelled events, ``dashboards`` shows the views
* ``internet`` is DNS and TLS on loopback, for the refresh
* ``cli`` is the command line and the demos: ``python -m lab --help``
* ``fuzz`` looks for bytes that break the app, ``bench`` measures its speed and its memory
* ``errors``: the exceptions
"""

import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository, which is the app."""

_BIN = ROOT / "bin"
# The app's own library, and its libraries; tests of another package have those on the path already.
if not (find_spec("tsid") and find_spec("splunklib")):
    sys.path[1:1] = [str(_BIN), str(_BIN / "lib")]
