"""Takes pictures of the dashboards over the made-up fleet: ``make screenshots``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lab import ROOT
from lab.dashboards.browser import View, chromium
from lab.dashboards.sample import Sample, make_sample
from lab.dashboards.splunkd import Site, Splunkd
from lab.errors import LabError
from lab.host.app import copy_app

#: The folder that README links to.
FOLDER = ROOT / "docs" / "images"
# View and theme of each picture.
_PICTURES = (("overview", "dark"), ("device", "light"), ("health", "dark"))


def tokens_of(view: str, sample: Sample) -> dict[str, str]:
    """Return the inputs' values for a picture worth looking at."""
    if view != "device":
        return {"time.earliest": "-30d@d"} if view == "overview" else {}
    worst, *_ = sample.splunk.run("| `tsid_fleet` | search blocked_since_allowed>9 | sort 0 - license_score")
    return {"device": str(worst["device"])}


def main(width: int = 1920, height: int = 1080, folder: Path = FOLDER, themes: tuple[str, ...] = ()) -> int:
    """Take a picture of each view, as long as the view is."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        try:
            sample = make_sample(copy_app(ROOT, Path(temporary)))
            views = ROOT / "default" / "data" / "ui" / "views"
            with Site(views, Splunkd(sample.splunk)) as site, chromium(width, height) as context:
                for name, usual in _PICTURES:
                    for theme in themes or (usual,):
                        view = View(context, site).open(name, theme, **tokens_of(name, sample))
                        path = folder / (f"{name}.png" if not themes else f"{name}-{theme}-{width}.png")
                        view.picture(path)
                        print(path)
                        view.close()
        except LabError as error:
            print(f"make screenshots: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
