"""The refresh as a script: ``python bin/tsidrefresh.py --help``. The search command: `tsidrefreshcommand`."""

from __future__ import annotations

import sys
from pathlib import Path

APP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(APP / "bin" / "lib"))

from tsid.refresh.script import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(APP, sys.argv[1:]))
