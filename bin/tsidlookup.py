"""The search command `tsidlookup`: shows the app's lookups as `tsidenrich` uses them, all layers merged."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

from tsidsplunk import LOOKUPS
from tsidsplunk.command import TsidCommand
from tsidsplunk.options import Choice

from splunklib.searchcommands import Configuration, GeneratingCommand, Option, dispatch

from tsid.facts.candidates import candidate_search
from tsid.facts.digests import file_digests
from tsid.facts.lookups import load_lookups
from tsid.facts.messages import load_messages

TABLES = ("endpoints", "aliases", "networks", "relays")
CANDIDATES, MESSAGES, FILES = "candidates", "messages", "files"


@Configuration()
class TsidLookupCommand(TsidCommand, GeneratingCommand):  # type: ignore[misc]
    """Yields one lookup's rows with their files, the prefilter's search terms, or the files' digests."""

    table = Option(
        default=TABLES[0],
        validate=Choice((*TABLES, CANDIDATES, MESSAGES, FILES)),
    )

    def load(self) -> None:
        """Load the lookups."""
        if self.table == FILES:
            # Each host of a search has its own copy of the files, and reports on it.
            self.configuration.distributed = True
            return
        self._lookups = load_lookups(LOOKUPS)
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
                    "problem": digest.problem,
                }
            return
        if self.table == MESSAGES:
            yield {"search": load_messages(LOOKUPS).search()}
            return
        if self.table == CANDIDATES:
            yield {"search": candidate_search(self._lookups)}
            return
        rows = self._lookups.tables[self.table]
        # A layer may have columns of its own; Splunk takes the columns from the first row.
        columns = dict.fromkeys(column for row in rows for column in row.values)
        for row in rows:
            yield {**dict.fromkeys(columns, ""), **row.values, "file": row.file}


dispatch(TsidLookupCommand, sys.argv, sys.stdin, sys.stdout, __name__)
