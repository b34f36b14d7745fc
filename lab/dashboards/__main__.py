"""Serves the app's dashboards over a made-up fleet without Splunk: ``make dashboards``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from lab import ROOT
from lab.dashboards.sample import make_sample
from lab.dashboards.splunkd import Site, Splunkd
from lab.errors import LabError
from lab.host.app import copy_app

PORT = 8765


def main() -> int:
    """Serve until interrupted."""
    print("Making up 100 days of a fleet …", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            sample = make_sample(copy_app(ROOT, Path(folder)))
            site = Site(ROOT / "default" / "data" / "ui" / "views", Splunkd(sample.splunk), PORT)
        except (LabError, OSError) as error:
            print(f"make dashboards: {error}", file=sys.stderr)
            return 1
        with site:
            print(f"The dashboards are at {site.address('overview')} (Ctrl-C ends)", flush=True)
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
