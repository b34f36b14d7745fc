"""The search command `tsidlookup`: shows the app's lookups as `tsidenrich` uses them, all layers merged."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator

from tsidsplunk import LOOKUPS
from tsidsplunk.command import TsidCommand
from tsidsplunk.options import Choice

from splunklib.searchcommands import Configuration, GeneratingCommand, Option, dispatch

from tsid.facts.allow import FORMATS, load_services
from tsid.facts.candidates import candidate_search, traffic_search, web_search
from tsid.facts.clocks import load_clocks
from tsid.facts.digests import file_digests
from tsid.facts.errors import TsidError
from tsid.facts.lookups import load_lookups
from tsid.facts.messages import load_failures, load_messages

TABLES = ("endpoints", "aliases", "networks", "relays")
MESSAGES, FILES, PROBLEMS = "messages", "files", "problems"
SEARCHES = {"candidates": candidate_search, "traffic": traffic_search, "web": web_search}
ALLOW, ROWS = "allow", "rows"


@Configuration()
class TsidLookupCommand(TsidCommand, GeneratingCommand):  # type: ignore[misc]
    """Yields one lookup's rows with their files, the prefilter's search terms, the files' digests, or what is
    left out of local files; or what a firewall has to let through.
    """

    table = Option(
        default=TABLES[0],
        validate=Choice((*TABLES, *SEARCHES, MESSAGES, FILES, PROBLEMS, ALLOW)),
    )
    format = Option(default=ROWS, validate=Choice(tuple(FORMATS)))

    def load(self) -> None:
        """Load the lookups."""
        if self.format != ROWS and self.table != ALLOW:
            raise TsidError("format is an option of table=allow only.")
        if self.table == FILES:
            # Each host of a search has its own copy of the files, and reports on it.
            self.configuration.distributed = True
            return
        self._lookups = load_lookups(LOOKUPS, lenient=True)
        self.warn(self._lookups.warnings)

    def generate(self) -> Iterator[dict[str, str]]:
        """Yield the rows of the chosen table."""
        if self.table == FILES:
            host = socket.gethostname()
            for digest in file_digests(LOOKUPS):
                yield {
                    "host": host,
                    "file": digest.file,
                    "rows": "" if digest.rows is None else str(digest.rows),
                    "sha256": digest.sha256,
                    "as_shipped": digest.as_shipped,
                    "problem": digest.problem,
                }
            return
        if self.table == MESSAGES:
            yield {"search": load_messages(LOOKUPS, []).search()}
            return
        if self.table == PROBLEMS:
            yield from self._problems()
            return
        if self.table in SEARCHES:
            yield {"search": SEARCHES[self.table](self._lookups)}
            return
        if self.table == ALLOW:
            yield from FORMATS[self.format](load_services(LOOKUPS, self._lookups, time.time()))
            return
        rows = self._lookups.tables[self.table]
        # A layer may have columns of its own; Splunk takes the columns from the first row.
        columns = dict.fromkeys(column for row in rows for column in row.values)
        for row in rows:
            yield {**dict.fromkeys(columns, ""), **row.values, "file": row.file}

    def _problems(self) -> Iterator[dict[str, str]]:
        from tsid.refresh.bounds import load_bounds

        left_out = list(self._lookups.left_out)
        load_clocks(LOOKUPS, left_out)
        load_messages(LOOKUPS, left_out)
        load_failures(LOOKUPS, left_out)
        load_bounds(LOOKUPS, left_out)
        for error, is_file in left_out:
            yield {
                "file": error.file,
                "line": "" if error.line is None else str(error.line),
                "left_out": "file" if is_file else "row",
                "problem": error.shown_problem,
                "cure": error.cure,
            }


dispatch(TsidLookupCommand, sys.argv, sys.stdin, sys.stdout, __name__)
