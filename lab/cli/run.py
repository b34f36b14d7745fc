"""``python -m lab run``: a search command over event files, from the shell."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from lab import ROOT
from lab.cli.render import OUTPUTS, write_events
from lab.cli.terminal import safe_text
from lab.errors import Message, ProtocolError, SearchFailed, UsageError, did_you_mean
from lab.host.command_line import split_command
from lab.host.events import FORMATS, STDIN, read_events
from lab.host.extraction import ALL, DEFAULT_FIELDS
from lab.host.host import CommandHost
from lab.host.reply import Metrics
from lab.host.search import Search
from lab.host.wire import Record

_EXAMPLES = """\
examples:
  python -m lab run tsidenrich events.tsv
  python -m lab run 'tsidenrich keep=flagged ip="Destination IP"' events.csv.gz --fields tsid_host,url
  zcat fw.jsonl.gz | python -m lab run 'tsidenrich keep=licensing' - --format jsonl --output json
"""

_SHOWN_COLUMNS = 12

_KEEP = re.compile(r"\bkeep\s*=\s*\S+")
_MISSING_MODULE = re.compile(r"No module named|ModuleNotFoundError|ImportError")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand to the lab's command line."""
    parser = subparsers.add_parser(
        "run",
        help="run a search command over event files",
        description="Runs one of the app's search commands over events from files, as in a Splunk search.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "command",
        metavar="COMMAND",
        help="the command with its options, as in a search; quote it as one word",
    )
    add("files", metavar="FILE", nargs="*", help="event files; '-' or none: stdin")
    add("--format", choices=list(FORMATS), help="how the files are written (default: by their endings)")
    add("--output", choices=OUTPUTS, default="table", help="how the events are shown (default: table)")
    add("--fields", metavar="A,B,C", default="", help="show these fields only, in this order")
    add("--limit", metavar="N", type=_positive, help="stop after this many events have come back")
    add("--metrics", action="store_true", help="show the command's metrics on stderr")
    add("--app", metavar="DIR", type=Path, default=ROOT, help="the app's folder (default: this app)")
    add("--python", metavar="EXE", default=sys.executable, help="the interpreter (default: this one)")
    add("--chunk-rows", metavar="N", type=_positive, help="events per chunk (default: as Splunk, 50000)")
    add("--timeout", metavar="SECONDS", type=_seconds, default=60.0, help="for each answer (default: 60)")
    parser.set_defaults(handler=run)


def run(options: argparse.Namespace) -> int:
    """Run the subcommand and return the exit status.

    Raises:
        LabError: nothing could be run, or the search failed.
    """
    command, arguments = split_command(options.command)
    fields = [name.strip() for name in options.fields.split(",") if name.strip()]
    # As with `| table` after it, or without.
    host = CommandHost(
        options.app, command, python=options.python, timeout=options.timeout, wanted=fields or [ALL]
    )
    try:
        with host.start(arguments) as search:
            read: dict[str, None] = {}
            events = _input(search, options, lambda: _fields_read(host, search, arguments))
            events = _noting_fields(events, read)
            # Events that scroll by are progress enough, and a counter would run into them.
            scrolling = options.output != "table" and sys.stdout.isatty()
            if sys.stderr.isatty() and not scrolling:
                events = _counted(events)
            answer = search.stream(events, options.chunk_rows)
            seen: dict[str, None] = {}
            write_events(_noting_fields(islice(answer, options.limit), seen), options.output, fields)
            for name in fields:
                hint = did_you_mean(name, {**read, **seen}) if name not in seen and name not in read else ""
                if hint:
                    print(f"WARN: no event has the field {safe_text(name)}{safe_text(hint)}", file=sys.stderr)
            _show_messages(search.messages)
            if options.metrics:
                _show_metrics(search.metrics)
    except SearchFailed as failure:
        _show_messages([message for message in failure.messages if not message.is_error])
        _explain_missing_library(failure, options.app)
        raise
    except ProtocolError as problem:
        _explain_missing_library(problem, options.app)
        raise
    return 0


def _noting_fields(events: Iterable[Record], seen: dict[str, None]) -> Iterator[Record]:
    for event in events:
        seen.update(dict.fromkeys(event))
        yield event


def _input(
    search: Search, options: argparse.Namespace, fields_read: Callable[[], set[str]]
) -> Iterator[Record]:
    if search.generating:
        if options.files:
            raise UsageError(f"{options.command!r} generates its own events: leave out {options.files[0]}")
        return iter(())
    if not options.files and sys.stdin.isatty():
        raise UsageError("no events: name a file, or pipe them in and give their --format")
    files = options.files or [STDIN]
    return chain.from_iterable(_checked(path, options.format, fields_read) for path in files)


def _checked(path: str, file_format: str | None, fields_read: Callable[[], set[str]]) -> Iterator[Record]:
    """Yield the events of a file; warn if there are none, or none with a field that the command reads."""
    found: dict[str, None] = {}
    for event in read_events([path], file_format):
        found.update(dict.fromkeys(event))
        yield event
    name = "stdin" if path == STDIN else path
    if not found:
        _show_messages([Message("WARN", f"{name}: no events")])
        return
    read = fields_read()
    if read and read.isdisjoint(found):
        columns = ", ".join(list(found)[:_SHOWN_COLUMNS]) + (", …" if len(found) > _SHOWN_COLUMNS else "")
        cure = 'name them, as in tsidenrich ip="Destination IP" name=URL; for raw text raw=true'
        text = f"{name}: the command reads none of the columns in it ({columns}): {cure}"
        _show_messages([Message("WARN", text)])


def _fields_read(host: CommandHost, search: Search, arguments: str) -> set[str]:
    """Return the fields that the command reads, without those of all events; empty if it does not say."""
    fields = search.required_fields
    others = _KEEP.sub("", arguments)
    if ALL in fields and others != arguments:
        # It asks for all fields to return them, and without the option for those that it reads.
        with host.start(others) as again:
            fields = again.required_fields
    return set() if ALL in fields else set(fields) - (DEFAULT_FIELDS - {"_raw"})


def _explain_missing_library(error: Exception, app: Path) -> None:
    library = app / "bin" / "lib"
    if not library.is_dir() and _MISSING_MODULE.search(str(error)):
        raise UsageError(f"{library} is missing: run `make vendor` ({safe_text(str(error))})") from None


def _show_messages(messages: Iterable[Message]) -> None:
    for level, text in messages:
        print(f"{level}: {safe_text(text)}", file=sys.stderr)


def _show_metrics(metrics: Metrics) -> None:
    width = max(map(len, metrics), default=0)
    for name in metrics:
        seconds, calls, rows_in, rows_out = (
            "-" if number is None else format(number, ".9g") for number in metrics.total(name)
        )
        print(f"{name:{width}}  {seconds} s  {calls} calls  {rows_in} in  {rows_out} out", file=sys.stderr)


def _counted(events: Iterator[Record]) -> Iterator[Record]:
    try:
        from lab.cli.progress import counted  # noqa: PLC0415 - everything but the counter works without rich
    except ModuleNotFoundError:
        return events
    return counted(events)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return seconds
