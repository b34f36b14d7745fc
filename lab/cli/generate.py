"""``python -m lab generate``: labelled firewall events, for ``python -m lab run`` or for a trial index."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Callable, TextIO

from lab.generator import ALL_SCENARIOS, ALL_SHAPES, START, LabelledEvent, generate
from lab.host.events import write_csv, write_jsonl
from lab.host.wire import Record

_OUTPUTS: Mapping[str, Callable[[Iterable[Record], TextIO], None]] = {"jsonl": write_jsonl, "csv": write_csv}

_EXAMPLES = """\
examples:
  python -m lab generate --count 1000 | python -m lab run 'tsidenrich raw=true' - --format jsonl
  python -m lab generate --shape cisco:ftd:syslog --scenario aliased --licensing-share 1 --with-truth
  python -m lab generate --count 1000000 --seed 7 --output csv > events.csv
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand to the lab's command line."""
    parser = subparsers.add_parser(
        "generate",
        help="make firewall events that are labelled with the truth",
        description="Makes firewall events as Cisco's add-ons deliver them to a search: licensing traffic of "
        "every verdict, and ordinary traffic with near misses. The same seed makes the same events.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", metavar="N", type=int, default=100, help="how many events (default: 100)")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="which ones (default: 0)")
    parser.add_argument(
        "--licensing-share",
        metavar="X",
        type=float,
        default=0.05,
        help="share of connections that are licensing traffic or pretend to be (default: 0.05)",
    )
    parser.add_argument(
        "--shape",
        choices=ALL_SHAPES,
        action="append",
        help="events of this shape; may be given several times (default: all)",
    )
    parser.add_argument(
        "--scenario",
        choices=ALL_SCENARIOS,
        action="append",
        help="licensing traffic that gets this verdict; may be given several times (default: all)",
    )
    parser.add_argument(
        "--start",
        metavar="EPOCH",
        type=int,
        default=START,
        help=f"time of the first connection (default: {START})",
    )
    parser.add_argument(
        "--interval",
        metavar="SECONDS",
        type=float,
        default=1.0,
        help="from one connection to the next (default: 1)",
    )
    parser.add_argument(
        "--output", choices=list(_OUTPUTS), default="jsonl", help="how they are written (default: jsonl)"
    )
    parser.add_argument("--with-truth", action="store_true", help="add the truth, in columns truth_*")
    parser.set_defaults(handler=run)


def run(options: argparse.Namespace) -> int:
    """Run the subcommand and return the exit status."""
    labelled = generate(
        options.count,
        seed=options.seed,
        licensing_share=options.licensing_share,
        shapes=options.shape or ALL_SHAPES,
        scenarios=options.scenario or ALL_SCENARIOS,
        start=options.start,
        interval=options.interval,
    )
    _OUTPUTS[options.output](_records(labelled, options.with_truth), sys.stdout)
    sys.stdout.flush()
    return 0


def _records(labelled: Iterable[LabelledEvent], with_truth: bool) -> Iterator[Record]:
    for event, truth in labelled:
        yield {**event, **truth.columns()} if with_truth else event
