"""Replaces an app's refreshed lookups again and again, as a refresh does, until its input ends.

``python -m lab.load.publisher LOOKUPS SECONDS TABLES TABLES``: puts the tables of one folder and of the other
into the lookups in turn; in the end it says how often.
"""

from __future__ import annotations

import select
import sys
from itertools import cycle
from pathlib import Path

from tsid.refresh.publish import FILES, publish
from tsid.refresh.safe_files import exclusive_refresh


def main() -> int:
    """Publish until the input ends."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    tables = [{name: Path(source, name).read_bytes() for name in FILES} for source in sys.argv[3:]]
    published = 0
    for files in cycle(tables):
        with exclusive_refresh(folder, seconds):
            published += bool(publish(folder, files))
        if select.select([sys.stdin], [], [], seconds)[0]:
            break
    print(published)
    return 0


if __name__ == "__main__":
    sys.exit(main())
