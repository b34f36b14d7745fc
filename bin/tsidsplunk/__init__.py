"""The seam between Splunk and the library: the SDK, the chunk protocol, the commands' options.

Importing it puts the app's own copies of the libraries first on the path, where Splunk may have others, and
keeps the SDK from executing logging configurations that it finds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tsidsplunk import environment

#: The app's folder, wherever Splunk has put it.
APP = Path(__file__).resolve().parents[2]
#: Its lookups.
LOOKUPS = APP / "lookups"

sys.path.insert(0, str(APP / "bin" / "lib"))
sys.modules["splunklib.searchcommands.environment"] = environment
