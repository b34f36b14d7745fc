"""The second half of the demo: the devices of a made-up fleet whose licences are at risk, when and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from rich.padding import Padding
from rich.text import Text

from lab.cli.console import Console
from lab.cli.terminal import safe_text
from lab.generator.fleet import DAY, EXCLUDED, make_fleet
from lab.generator.licences import deadline_day, watched
from lab.spl.engine import Splunk
from lab.spl.values import Row

_DAYS, _DEVICES, _SEED = 100, 60, 226092
# From the worst on; one device of each is shown.
_STYLES = {
    "deregistered": "bold red",
    "expired": "bold red",
    "noncompliant": "bold red",
    "expiring": "red",
    "overdue": "yellow",
    "rejected": "yellow",
    "blocked": "yellow",
    "unknown": "cyan",
}
_BACKFILL, _MERGE, _REPORT = "TSID ledger: backfill", "TSID ledger: last hour", "TSID report: devices by risk"


class RiskDemo:
    """The fleet and the report of the app's searches about it.

    Args:
        app: the app's folder.
    """

    def __init__(self, app: Path) -> None:
        self._fleet = make_fleet(_DAYS, app / "lookups", size=_DEVICES, seed=_SEED)
        splunk = Splunk(app, self._fleet.events, self._fleet.start + _DAYS * DAY)
        splunk.run(splunk.saved[_BACKFILL]["search"], self._fleet.start)
        splunk.dispatch(_MERGE)
        for address, row in splunk.collections["tsid_devices"].items():
            # What an admin would have entered.
            device = self._fleet.devices[address]
            row.update({"model": device.model} if device.model else {})
            row.update({"excluded": "1"} if device.fate == EXCLUDED else {})
        self._rows = splunk.dispatch(_REPORT)

    def problems(self) -> Iterator[str]:
        """Yield the differences between the report and the truth about the devices."""
        expected = watched(self._fleet, _DAYS)
        reported = {str(row["device"]): row for row in self._rows}
        for address in sorted(expected.keys() ^ reported.keys()):
            yield f"device {address} should {'' if address in expected else 'not '}be in the report"
        for address in sorted(expected.keys() & reported.keys()):
            day = deadline_day(expected[address], _DAYS)
            due = None if day is None else _date(self._fleet.start + day * DAY)
            told = reported[address].get("deadline")
            if told != due:
                yield f"device {address} should lose its licence on {due}, and the report says {told}"

    def show_worst(self, console: Console, count: int = 3) -> None:
        """Print the devices that need help first: state, deadline, and the first thing to do."""
        heading = Text(f"\n{_DAYS} days of {_DEVICES} made-up devices: ", style="bold")
        console.print(heading.append(f"{_sum(self._rows)}. The worst:", style="not bold"))
        for row in [row for row in self._rows if row["license_state"] in _STYLES][:count]:
            due = f"deadline {row['deadline']}" if "deadline" in row else "no deadline known"
            state = str(row["license_state"])
            console.print(Text(f"{row['device']}  {state}, {due}", style=_STYLES[state]))
            # The first thing to do; the rest of the sentence says what else may help.
            fix = re.split("; |, or ", safe_text(str(row["license_next_step"])))[0]
            fix = fix if fix.endswith(".") else f"{fix} …"
            console.print(Padding(Text(fix), (0, 0, 0, 4)))

    def show(self, console: Console) -> None:
        """Print the devices at risk, worst first: one of each state, with reason and next step."""
        console.print(
            f"\nMade up: {_DAYS} days of {_DEVICES} devices, and whose licence is at risk", style="bold"
        )
        console.print(f"{_sum(self._rows)}. One of each, the worst first:")
        shown = set()
        for row in self._rows:
            state = str(row["license_state"])
            if state in _STYLES and state not in shown:
                shown.add(state)
                console.print(Text(_title(row), style=_STYLES[state]))
                for name in ("license_reason", "license_next_step"):
                    console.print(Padding(Text(safe_text(str(row[name]))), (0, 0, 0, 4)))


def _date(time: float) -> str:
    return datetime.fromtimestamp(time, timezone.utc).date().isoformat()


def _sum(rows: Sequence[Row]) -> str:
    states = [str(row["license_state"]) for row in rows]
    return ", ".join(f"{states.count(state)} {state}" for state in (*_STYLES, "healthy") if state in states)


def _title(row: Row) -> str:
    due = f", deadline {row['deadline']} ({row['license_days_left']} days left)" if "deadline" in row else ""
    return f"{row['device']}: {row['license_state']}{due}, risk {row['license_score']} of 100"
