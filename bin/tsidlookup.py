"""The search command `tsidlookup`: shows the app's lookups as `tsidenrich` uses them, all layers merged."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

from tsidsplunk import LOOKUPS
from tsidsplunk.command import Choice, TsidCommand

from splunklib.searchcommands import Configuration, GeneratingCommand, Option, dispatch

from tsid.facts.candidates import candidate_search
from tsid.facts.digests import file_digests
from tsid.facts.lookups import load_lookups

TABLES = ("endpoints", "aliases", "networks", "relays")
CANDIDATES, FILES = "candidates", "files"


@Configuration()
class TsidLookupCommand(TsidCommand, GeneratingCommand):  # type: ignore[misc]
    """Yields the rows of one lookup and the file each came from, or the prefilter's search terms."""

    table = Option(
        doc="""
        **Syntax:** **table=***endpoints|aliases|networks|relays|candidates|files*
        **Description:** Which lookup to show; candidates yields one search expression, files the version of
        every file on each host that searches. Default: endpoints""",
        default=TABLES[0],
        validate=Choice((*TABLES, CANDIDATES, FILES)),
    )

    def load(self) -> None:
        """Load the lookups."""
        if self.table == FILES:
            # Each host that takes part in a search has a copy of the files, and answers for its own.
            self.configuration.distributed = True
            return
        self._lookups = load_lookups(LOOKUPS)

    def generate(self) -> Iterator[dict[str, str]]:
        """Yield the rows of the chosen table."""
        if self.table == FILES:
            host = socket.gethostname()
            for digest in file_digests(LOOKUPS):
                yield {
                    "host": host,
                    "file": digest.file,
                    "rows": str(digest.rows),
                    "sha256": digest.sha256,
                }
            return
        if self.table == CANDIDATES:
            yield {"search": candidate_search(self._lookups)}
            return
        rows = self._lookups.tables[self.table]
        # The layers may have optional columns of their own; Splunk takes the columns from the first row.
        columns = dict.fromkeys(column for row in rows for column in row.values)
        for row in rows:
            yield {**dict.fromkeys(columns, ""), **row.values, "file": row.file}


dispatch(TsidLookupCommand, sys.argv, sys.stdin, sys.stdout, __name__)
