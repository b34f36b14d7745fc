"""The refresh as a script: ``python bin/refresh_lookups.py --help``."""

from __future__ import annotations

import sys

from tsidsplunk import APP

from tsid.refresh.script import main

if __name__ == "__main__":
    sys.exit(main(APP, sys.argv[1:]))
