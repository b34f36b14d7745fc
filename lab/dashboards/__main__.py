"""Serves the app's dashboards over a made-up fleet without Splunk: ``make dashboards``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import webbrowser
from pathlib import Path

from rich.console import Console

from lab import ROOT
from lab.dashboards.sample import make_sample
from lab.dashboards.splunkd import Site, Splunkd
from lab.errors import LabError
from lab.host.app import copy_app

PORT = 8765


def main() -> int:
    """Serve until interrupted."""
    console = Console(highlight=False)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            print("Making up 100 days of a fleet, and running the app's searches over it …", flush=True)
            with console.status("This takes half a minute or more …"):
                sample = make_sample(copy_app(ROOT, Path(folder)))
            print(f"Done in {time.monotonic() - start:.0f} s.", flush=True)
            site = Site(ROOT / "default" / "data" / "ui" / "views", Splunkd(sample.splunk), PORT)
        except (LabError, OSError) as error:
            print(f"make dashboards: {error}", file=sys.stderr)
            return 1
        with site:
            address = site.address("overview")
            print(f"The dashboards are at {address} (Ctrl-C ends)", flush=True)
            if has_browser():
                webbrowser.open(address)
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                print()
    return 0


def has_browser() -> bool:
    """Return whether somebody sits at a terminal of a desktop, where a browser can open."""
    desktop = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return sys.stdout.isatty() and bool(desktop)


if __name__ == "__main__":
    sys.exit(main())
