"""``python -m lab``: the lab's command line; each subcommand is a module with an ``add_parser``."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from typing import Callable

from lab.cli import explain, generate, run
from lab.cli.terminal import abandon_stdout, safe_text
from lab.errors import EventError, LabError, UsageError, did_you_mean

#: The subcommands' modules; another one is added here.
SUBCOMMANDS = (run, generate, explain)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status.

    0: done; 1: the search failed; 2: it could not be run as it was asked for; 130: interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m lab", description="The app without Splunk.")
    subparsers = parser.add_subparsers(
        title="subcommands", metavar="SUBCOMMAND", dest="subcommand", required=True
    )
    for module in SUBCOMMANDS:
        module.add_parser(subparsers)
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        known = subparsers.choices[options.subcommand]._option_string_actions
        wrong = " ".join(unknown)
        parser.error(f"unrecognized arguments: {wrong}{did_you_mean(unknown[0].partition('=')[0], known)}")
    handler: Callable[[argparse.Namespace], int] = options.handler
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Events may contain any text, and bytes that are not valid text; neither the locale nor the
        # platform may change them.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
    try:
        return handler(options)
    except (UsageError, EventError) as error:
        return _fail(error, EXIT_USAGE)
    except LabError as error:
        return _fail(error, EXIT_FAILED)
    except BrokenPipeError:
        abandon_stdout()
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _fail(error: LabError, status: int) -> int:
    print(f"lab: {safe_text(str(error))}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
