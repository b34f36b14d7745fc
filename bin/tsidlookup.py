"""The search command `tsidlookup`: shows the app's lookups as `tsidenrich` uses them, all layers merged."""

from __future__ import annotations

import sys
from collections.abc import Iterator

# First, because it puts the app's own copy of splunklib on the path.
from tsidcommand import LOOKUPS, Choice, TsidCommand

# isort: split
from splunklib.searchcommands import Configuration, GeneratingCommand, Option, dispatch

from tsid.candidates import candidate_search
from tsid.lookups import load_lookups

TABLES = ("endpoints", "aliases", "networks", "relays")
CANDIDATES = "candidates"


@Configuration()
class TsidLookupCommand(TsidCommand, GeneratingCommand):  # type: ignore[misc]
    """Yields the rows of one lookup and the file each came from, or the prefilter's search terms."""

    table = Option(
        doc="""
        **Syntax:** **table=***endpoints|aliases|networks|relays|candidates*
        **Description:** Which lookup to show; candidates yields one search expression. Default: endpoints""",
        default=TABLES[0],
        validate=Choice((*TABLES, CANDIDATES)),
    )

    def load(self) -> None:
        """Load the lookups."""
        self._lookups = load_lookups(LOOKUPS)

    def generate(self) -> Iterator[dict[str, str]]:
        """Yield the rows of the chosen table."""
        if self.table == CANDIDATES:
            yield {"search": candidate_search(self._lookups)}
            return
        rows = self._lookups.tables[self.table]
        # The layers may have optional columns of their own; Splunk takes the columns from the first row.
        columns = dict.fromkeys(column for row in rows for column in row.values)
        for row in rows:
            yield {**dict.fromkeys(columns, ""), **row.values, "file": row.file}


dispatch(TsidLookupCommand, sys.argv, sys.stdin, sys.stdout, __name__)
