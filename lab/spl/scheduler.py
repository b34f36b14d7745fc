"""When the scheduler runs a saved search, and which of its results trigger the alert.

As Splunk documents it: savedsearches.conf.spec (scheduling, notification, suppression), limits.conf.spec,
[scheduler], and the Alerting Manual, "Throttle alerts". What they leave open is an error here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lab.spl.values import Row, SplError, text, texts

#: How many results of one run trigger an alert: limits.conf, [scheduler] max_per_result_alerts.
MAX_ALERTS_PER_RUN = 500
#: Seconds that a continuous schedule goes back after an outage: max_continuous_scheduled_search_lookback.
MAX_LOOKBACK_SECONDS = 86_400

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_RELATIONS = {
    "greater than": int.__gt__,
    "less than": int.__lt__,
    "equal to": int.__eq__,
    "not equal to": int.__ne__,
}


class Run(NamedTuple):
    """A run of a scheduled search, in epoch seconds.

    Attributes:
        due: the time that its schedule names. Its time range is relative to it.
        started: the time at which it really ran.
    """

    due: float
    started: float


def runs(
    settings: Mapping[str, str], begin: int, end: int, outages: Sequence[tuple[int, int]] = ()
) -> Iterator[Run]:
    """Yield the runs of a saved search, in order of their start.

    Args:
        settings: its stanza.
        begin: the first second, epoch.
        end: the second after the last one.
        outages: the spans in which the scheduler does not run. After one, a search with ``realtime_schedule``
            goes on with the present; a continuous one makes up for each run that it has missed.
    """
    continuous = not _flag(settings, "realtime_schedule", "1")
    for due in _times(settings["cron_schedule"], begin, end):
        up = next((to for since, to in outages if since <= due < to), due)
        if up == due or (continuous and due >= up - MAX_LOOKBACK_SECONDS and up < end):
            yield Run(due, up)


class Alert:
    """An alert with its throttling.

    Args:
        settings: the stanza of its saved search.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._silent_until: dict[tuple[str, ...], float] = {}

    def trigger(self, results: Sequence[Row], now: float) -> list[list[Row]]:
        """Return what the actions get: all results once, or each result by itself.

        Args:
            results: of one run, in order.
            now: the time of the run, epoch seconds.
        """
        if not self._condition(len(results)):
            return []
        if _flag(self._settings, "alert.digest_mode", "1"):
            # The fields do not matter here: whatever triggers the alert silences all of it.
            return [list(results)] if self._passes((), now) else []
        alerts: list[list[Row]] = []
        for row in results:
            if len(alerts) == MAX_ALERTS_PER_RUN:
                break
            if self._passes(self._key(row), now):
                alerts.append([row])
        return alerts

    def _condition(self, count: int) -> bool:
        kind = self._settings.get("counttype", "always")
        if kind == "always":
            return True
        relation = _RELATIONS.get(self._settings.get("relation", ""))
        if kind != "number of events" or relation is None:
            raise SplError(f"an alert by {kind} {self._settings.get('relation')} is not supported")
        return bool(relation(count, int(self._settings["quantity"])))

    def _key(self, row: Row) -> tuple[str, ...]:
        if not _flag(self._settings, "alert.suppress", "0"):
            return ()
        names = re.split(r"\s*,\s*", self._settings.get("alert.suppress.fields", "").strip())
        if names == [""]:
            raise SplError("alert.suppress.fields must be given where results trigger one by one")
        missing = [name for name in names if not texts(row.get(name))]
        if missing:
            raise SplError(f"how a result without the field {missing[0]} is throttled is not documented")
        return tuple(text(row[name]) for name in names)

    def _passes(self, key: tuple[str, ...], now: float) -> bool:
        """Return whether an alert is not throttled; then it throttles the next ones."""
        if not _flag(self._settings, "alert.suppress", "0"):
            return True
        if now < self._silent_until.get(key, now):
            return False
        self._silent_until[key] = now + _seconds(self._settings["alert.suppress.period"])
        return True


def _flag(settings: Mapping[str, str], name: str, default: str) -> bool:
    value = settings.get(name, default).lower()
    if value not in ("0", "1", "false", "true"):
        raise SplError(f"{name} = {value}: not a boolean")
    return value in ("1", "true")


def _seconds(period: str) -> int:
    found = re.fullmatch(r"(\d+)([smhd]?)", period)
    if found is None:
        raise SplError(f"alert.suppress.period = {period} is not supported")
    return int(found[1]) * _UNITS[found[2]]


def _times(cron: str, begin: int, end: int) -> Iterator[int]:
    """Yield the times of a schedule by minute, hour and day of the week (0 is Sunday), UTC."""
    minute, hour, *others, weekday = cron.split()
    if (
        others != ["*"] * 2
        or not minute.isdecimal()
        or not (hour.isdecimal() or hour == "*")
        or not re.fullmatch(r"[0-6]|\*", weekday)
    ):
        raise SplError(f"cron_schedule = {cron} is not supported")
    step = 3_600 if hour == "*" else 86_400
    first = int(minute) * 60 + (0 if hour == "*" else int(hour) * 3_600)
    for time in range(begin + (first - begin) % step, end, step):
        # The first day of the epoch was a Thursday.
        if weekday == "*" or (time // 86_400 + 4) % 7 == int(weekday):
            yield time
