"""Command line: `python3 -m tools.site`."""

from tools.common import run
from tools.site import main

run(main)
