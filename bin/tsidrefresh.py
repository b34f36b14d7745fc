"""The search command `tsidrefresh`: returns the lookups as a refresh would write them, or its report.

The refresh as a script is ``refresh_lookups.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from tsidsplunk import APP, LOOKUPS
from tsidsplunk.command import TsidCommand
from tsidsplunk.options import Choice, Text

from splunklib.searchcommands import Configuration, GeneratingCommand, Option, dispatch

from tsid.refresh import report
from tsid.refresh.items import FAILURE, REFUSAL
from tsid.refresh.publish import FILES, is_same
from tsid.refresh.rows import ALIAS_COLUMNS, ENDPOINT_COLUMNS, counted
from tsid.refresh.run import refresh, today
from tsid.refresh.settings import CERTIFI, Settings, load_settings

ENDPOINTS, ALIASES, REPORT = "endpoints", "aliases", "report"

# More would flood the search's messages; the report has all of them.
_MAX_WARNINGS = 5


@Configuration()
class TsidRefreshCommand(TsidCommand, GeneratingCommand):  # type: ignore[misc]
    """Asks DNS and the licensing servers, and yields rows; writes no file.

    Of a refreshed table that needs no change it yields none.
    """

    table = Option(
        default=REPORT,
        validate=Choice((ENDPOINTS, ALIASES, REPORT)),
    )
    # Splunk Cloud has no place for local/tsidrefresh.conf: these override the files.
    resolvers = Option(validate=Text())
    members = Option(validate=Text())
    tls = Option(validate=Text())
    # No option names a file.
    ca_bundle = Option(validate=Choice((CERTIFI,)))
    proxy = Option(validate=Text())
    timeout = Option(validate=Text())
    attempts = Option(validate=Text())
    misses = Option(validate=Text())
    grace_days = Option(validate=Text())
    seen_days = Option(validate=Text())

    def load(self) -> None:
        """Read the settings."""
        given = {name: getattr(self, name, None) for name in Settings._fields}
        self._settings = load_settings(
            APP, {name: value for name, value in given.items() if value is not None}, "option"
        )

    def generate(self) -> Iterator[Mapping[str, str]]:
        """Yield the rows of the chosen table."""
        found = refresh(LOOKUPS, self._settings, today())
        plan = found.plan
        if self.table == REPORT:
            yield from report.rows_of(plan.items)
            yield from report.file_rows(LOOKUPS)
            yield from report.age_rows(found.lookups, today())
            return
        if not plan.checked:
            self.stop(
                "no resolver has an address of any licensing host, so nothing changes. Check that the search "
                "head may ask its resolver, or name another one in local/tsidrefresh.conf or by the option "
                "resolvers in the macro tsid_refresh."
            )
        doubtful = [*plan.of_kind(REFUSAL), *plan.of_kind(FAILURE)]
        for item in doubtful[:_MAX_WARNINGS]:
            self.write_warning("{}", f"tsidrefresh: {item.kind} of {item.item} ({item.what}): {item.reason}")
        if len(doubtful) > _MAX_WARNINGS:
            more = len(doubtful) - _MAX_WARNINGS
            self.write_warning("{}", f"tsidrefresh: {more} more are in | tsidrefresh table=report")
        endpoints, aliases = FILES
        name, columns, found_rows = (
            (endpoints, ENDPOINT_COLUMNS, plan.endpoints)
            if self.table == ENDPOINTS
            else (aliases, ALIAS_COLUMNS, plan.aliases)
        )
        rows = list(counted(columns, found_rows))
        if is_same(LOOKUPS / name, rows):
            # outputlookup would write the file anyway, and every indexer would get a new bundle.
            self.write_info("{}", f"tsidrefresh: {name} is up to date, so there is nothing to write.")
            return
        yield from rows


if __name__ == "__main__" and sys.argv[1:2] and sys.argv[1].startswith("-"):
    # A scheduled task that still uses the script's old name. splunkd starts a command without options.
    from tsid.refresh.script import main

    print(
        "tsidrefresh.py: start refresh_lookups.py instead; the next release removes this script's old name.",
        file=sys.stderr,
    )
    sys.exit(main(APP, sys.argv[1:]))
dispatch(TsidRefreshCommand, sys.argv, sys.stdin, sys.stdout, __name__)
