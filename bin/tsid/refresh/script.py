"""The refresh as a script: shows the changes, or writes them."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from tsid.facts.errors import LookupTableError, TsidError
from tsid.facts.lookups import load_lookups
from tsid.refresh import report
from tsid.refresh.items import ADVICE
from tsid.refresh.publish import contents, publish
from tsid.refresh.run import Refresh, refresh, today
from tsid.refresh.safe_files import exclusive_refresh
from tsid.refresh.settings import load_settings
from tsid.text.sanitize import printable

_PROGRAM = "refresh_lookups.py"

# Seconds to wait for another refresh.
_LOCK_TIMEOUT = 10.0

_EPILOG = """\
exit status:
  0  the lookups are up to date; with --write: they are now
  1  something would change
  2  something was refused: the refresh does not trust it, and never writes it
  3  something could not be checked
  4  a lookup, a setting or the command line cannot be used, or nothing can be written
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse's own status 2 means something else here.
        self.print_usage(sys.stderr)
        self.exit(report.ERROR, f"{self.prog}: {message}\n")


def main(app: Path, arguments: Sequence[str]) -> int:
    """Run a command line.

    Args:
        app: the app's folder.
        arguments: without the program's name.

    Returns:
        The exit status.
    """
    with contextlib.ExitStack() as streams:
        for name in ("stdout", "stderr"):
            # A task may be started with a closed stream, for which Python has None.
            if getattr(sys, name) is None:
                nowhere = streams.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
                setattr(sys, name, nowhere)
                streams.callback(setattr, sys, name, None)
        return _run(app, arguments)


def _run(app: Path, arguments: Sequence[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A certificate may contain letters that the encoding of a Windows console or file lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    lookups = app / "lookups"
    try:
        if options.status:
            return _show_status(lookups, options)
        given = {
            name: value
            for name, value in (
                ("resolvers", ",".join(options.resolver)),
                ("proxy", options.proxy),
                ("ca_bundle", options.ca_bundle),
                ("tls", options.tls),
            )
            if value
        }
        settings = load_settings(app, given)
        progress = _Progress()
        with exclusive_refresh(lookups, _LOCK_TIMEOUT) if options.write else contextlib.nullcontext():
            found = refresh(lookups, settings, today(), progress.tell)
            progress.done()
            written: Sequence[str] = ()
            if options.write and found.plan.checked:
                written = publish(lookups, contents(found.plan, found.broken))
        status = report.exit_status(found.plan, written=options.write)
        with _printing():
            _show(found, written, status, options)
        return status
    except TsidError as error:
        print(f"{_PROGRAM}: {printable(str(error))}", file=sys.stderr)
        return report.ERROR
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _printing() -> Iterator[None]:
    """Notice here, and not when Python exits, that stdout cannot be written.

    Raises:
        TsidError: there is no room, for example. A reader that has seen enough is not an error.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        # At exit, Python would try again to write what is left in the buffer.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            reason = error.strerror or str(error)
            raise TsidError(
                f"The report cannot be written: {reason}. Make room, or print it elsewhere."
            ) from None


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_PROGRAM,
        description="Finds the current addresses and certificate names of Cisco's licensing servers.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--diff", action="store_true", help="show what would change, and why (the default)")
    modes.add_argument("--check", action="store_true", help="print nothing, only return the exit status")
    modes.add_argument("--write", action="store_true", help="update the refreshed lookups")
    modes.add_argument("--status", action="store_true", help="show how old the rows are, without any query")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--resolver",
        action="append",
        default=[],
        metavar="IP",
        help="ask this resolver; 'system' for those of this machine; repeat for several",
    )
    parser.add_argument(
        "--no-tls", dest="tls", action="store_const", const="false", help="do not look at certificates"
    )
    parser.add_argument("--ca-bundle", metavar="FILE", help="file of trusted authorities, PEM")
    parser.add_argument("--proxy", metavar="URL", help="http://host:port, or none")
    return parser


class _Progress:
    """Shows the current step on a terminal, in one line that disappears at the end.

    Without control sequences: older Windows consoles print them.
    """

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._width = 0

    def tell(self, text: str) -> None:
        self._show(f"{text} ...")

    def done(self) -> None:
        self._show("")
        self._show("")

    def _show(self, text: str) -> None:
        if self._shown:
            print(f"\r{text.ljust(self._width)}", end="", file=sys.stderr, flush=True)
            self._width = len(text)


def _show(found: Refresh, written: Sequence[str], status: int, options: argparse.Namespace) -> None:
    plan = found.plan
    if options.json:
        _print_json(
            {
                "exit_status": status,
                "written": list(written),
                "items": [{**item._asdict(), "advice": ADVICE.get(item.what, "")} for item in plan.items],
                "answers": [
                    {**answer._asdict(), "addresses": [str(address) for address in answer.addresses]}
                    for answer in found.survey.answers
                ],
                "servers": [
                    {
                        "address": str(sight.address),
                        "sni": sight.sni,
                        "problem": sight.problem,
                        "reported": sight.certificate.reported if sight.certificate else "",
                        **(sight.certificate._asdict() if sight.certificate else {}),
                    }
                    for sight in found.survey.sights.values()
                ],
            }
        )
    elif not options.check:
        print(report.as_text(plan))
        if options.write:
            names = " and ".join(f"lookups/{name}" for name in written)
            print(f"\nWritten: {names}." if written else "\nNothing was written.")


def _show_status(folder: Path, options: argparse.Namespace) -> int:
    rows, problem = report.file_rows(folder), None
    try:
        rows += report.age_rows(load_lookups(folder), today())
    except LookupTableError as error:
        # The list of files matters most in that case.
        problem = error
    with _printing():
        if options.json:
            _print_json(rows)
        else:
            print(report.status_as_text(rows))
    if problem is not None:
        raise problem
    return report.FRESH


def _print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2)
    print()
