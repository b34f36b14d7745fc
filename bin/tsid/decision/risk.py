"""Turns the last success and block of a device into its licence's state, deadline and next step."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import NamedTuple, Optional

from tsid.facts.clocks import Clock
from tsid.facts.fields import Event, Value, values_of
from tsid.text.sanitize import for_message, printable

HEALTHY, BLOCKED, OVERDUE, EXPIRING = "healthy", "blocked", "overdue", "expiring"
EXPIRED, DEREGISTERED, UNKNOWN_STATE, OFFLINE = "expired", "deregistered", "unknown", "offline"

#: The fields that an assessment adds.
LICENSE_FIELDS = (
    "license_state",
    "license_deadline",
    "license_days_left",
    "license_score",
    "license_reason",
    "license_next_step",
)

DAY = 86_400

_EPOCH = datetime.datetime(1970, 1, 1)

# Clocks differ, even by a time zone; a time further ahead is an error.
_MAX_AHEAD = DAY

# The advice of `tsidenrich` has some 300 characters.
_MAX_ADVICE_LENGTH = 1_000

_CHECK = "on the device run license smart renew auth and show license status"
_SAFE = (
    "Permit the licensing host by name and destination network together, because a name alone can be forged; "
    "where TSID reports an alias, allow it in URL filtering and Security Intelligence, or permit by URL "
    "category or broader domain (Cisco KB 226091)"
)


class FieldNames(NamedTuple):
    """The names of the fields of a row; times are epoch seconds.

    Attributes:
        success: when licensing traffic of the device was last allowed.
        blocked: when it was last blocked.
        blocks: how often it was blocked since the last success.
        seen: when the device was first seen.
        model: its licensing model.
        rule: the rule that blocked it last.
        policy: the access control policy with that rule.
        firewall: the firewall that blocked it.
        advice: what `tsidenrich` advised then.
    """

    success: str = "last_allowed"
    blocked: str = "last_blocked"
    blocks: str = "blocked_since_allowed"
    seen: str = "first_seen"
    model: str = "model"
    rule: str = "last_rule"
    policy: str = "last_policy"
    firewall: str = "last_firewall"
    advice: str = "last_advice"


class Assessment(NamedTuple):
    """The state of a device's licence.

    Attributes:
        state: one of the constants of this module.
        deadline: when it expires, epoch seconds; None if unknown.
        days_left: whole days until then, rounded down; negative after it.
        score: the risk, 0 to 100.
        reason: why, in a sentence.
        next_step: what to do; empty if nothing.
    """

    state: str
    deadline: Optional[int]
    days_left: Optional[int]
    score: int
    reason: str
    next_step: str

    def fields(self) -> dict[str, str]:
        """Return the fields to add to the row."""
        values = (self.state, self.deadline, self.days_left, self.score, self.reason, self.next_step)
        return {name: "" if value is None else str(value) for name, value in zip(LICENSE_FIELDS, values)}


class BadRowError(ValueError):
    """A row without a valid state; the text says why."""


class Assessor:
    """Assesses one device after the other.

    Args:
        clocks: by model.
        fields: the names of the rows' fields.
        model: the model of rows without one.
        now: the time of the assessment, epoch seconds.
    """

    def __init__(self, clocks: Mapping[str, Clock], fields: FieldNames, model: str, now: float) -> None:
        self._clocks, self._fields, self._model, self._now = clocks, fields, model, now

    def assess(self, row: Event) -> Assessment:
        """Assess a device; an invalid row has the state `UNKNOWN_STATE`, and the reason says why."""
        fields = self._fields
        try:
            clock = self._clock(_text(row.get(fields.model)))
            success = self._time(row, fields.success)
            blocked = self._time(row, fields.blocked)
            count = _count(row, fields.blocks)
            seen = self._time(row, fields.seen)
        except BadRowError as problem:
            return Assessment(
                UNKNOWN_STATE, None, None, _UNKNOWN_SCORE, f"{problem}.", f"Correct the row; {_CHECK}."
            )
        if clock.expire is None:
            return Assessment(OFFLINE, None, None, 0, f"Model {clock.model}: {clock.effect}.", "")
        is_blocked = count > 0 or (blocked is not None and (success is None or blocked > success))
        if success is None:
            return self._without_success(row, is_blocked, blocked, seen)
        return self._after_success(row, clock, clock.expire, success, is_blocked, blocked)

    def _after_success(
        self,
        row: Event,
        clock: Clock,
        expire: int,
        success: float,
        is_blocked: bool,
        blocked: Optional[float],
    ) -> Assessment:
        """Assess a device that has been seen to succeed."""
        age = max(0.0, self._now - success)
        left = success + expire * DAY - self._now
        state = self._state(clock, age, left, is_blocked)
        deadline = math.floor(success + expire * DAY)
        reason = f"Last success on {_day(success)}, {math.floor(age / DAY)} days ago"
        if is_blocked:
            reason += f"; blocked since{f', last on {_day(blocked)}' if blocked is not None else ''}"
        elif state != HEALTHY:
            reason += "; nothing was seen since, which a handshake that never completes would look like too"
        reason += f". Model {clock.model}: renewal every {clock.renew} days, "
        reason += f"expiry {'was' if left < 0 else 'is'} on {_day(deadline)}"
        if clock.effect and state in (EXPIRING, EXPIRED, DEREGISTERED):
            reason += f"; {clock.effect}"
        score = _score(state, age / (expire * DAY), left, clock, is_blocked)
        step = "" if state == HEALTHY else self._step(row, is_blocked)
        return Assessment(state, deadline, math.floor(left / DAY), score, f"{reason}.", step)

    @staticmethod
    def _state(clock: Clock, age: float, left: float, is_blocked: bool) -> str:
        if clock.deregister is not None and age > clock.deregister * DAY:
            return DEREGISTERED
        if left < 0:
            return EXPIRED
        if left <= clock.warn * DAY:
            return EXPIRING
        if age > clock.renew * DAY:
            return OVERDUE
        return BLOCKED if is_blocked else HEALTHY

    def _without_success(
        self, row: Event, is_blocked: bool, blocked: Optional[float], seen: Optional[float]
    ) -> Assessment:
        """Assess a device that was never seen to succeed."""
        since = "" if seen is None else f" since it was first seen on {_day(seen)}"
        reason = f"No success of this device was seen{since}, so its deadline is not known"
        if is_blocked:
            reason += f"; it is blocked{f', last on {_day(blocked)}' if blocked is not None else ''}"
        score = _UNKNOWN_BLOCKED_SCORE if is_blocked else _UNKNOWN_SCORE
        return Assessment(UNKNOWN_STATE, None, None, score, f"{reason}.", self._step(row, is_blocked))

    def _step(self, row: Event, is_blocked: bool) -> str:
        fields = self._fields
        if not is_blocked:
            return (
                f"Find out why the device is silent: {_CHECK}; check its DNS and its route to the "
                "internet. If it is gone or licensed offline, exclude it or set its model to offline."
            )
        # These names come from events, so they are untrusted.
        rule, policy, firewall = (
            for_message(_text(row.get(f))) for f in (fields.rule, fields.policy, fields.firewall)
        )
        where = f"rule {rule}" if rule else "the rule that blocks it"
        where += f" of policy {policy}" if policy else ""
        where += f" on {firewall}" if firewall else ""
        advice = printable(_text(row.get(fields.advice))[:_MAX_ADVICE_LENGTH]).rstrip(".") or _SAFE
        return f"Change {where}: {advice[0].lower() + advice[1:]}. Then {_CHECK}."

    def _clock(self, text: str) -> Clock:
        model = text.lower() or self._model
        clock = self._clocks.get(model)
        if clock is None:
            raise BadRowError(f"Model '{for_message(model)}' is in no row of license_clocks.csv")
        return clock

    def _time(self, row: Event, field: str) -> Optional[float]:
        """Return the latest time in a field; None if it is empty."""
        times = [self._one_time(text.strip(), field) for text in values_of(row.get(field)) if text.strip()]
        return max(times) if times else None

    def _one_time(self, text: str, field: str) -> float:
        try:
            time = float(text)
        except ValueError:
            time = math.nan
        if not 0 < time < _MAX_TIME:
            raise BadRowError(f"{field} '{for_message(text)}' is not a valid time in epoch seconds")
        if time > self._now + _MAX_AHEAD:
            raise BadRowError(f"{field} {_day(time)} is in the future")
        return time


# 9900-01-01: a deadline may be a hundred years later, and Python's last date is in the year 9999.
_MAX_TIME = 250_246_627_200.0

_UNKNOWN_SCORE, _UNKNOWN_BLOCKED_SCORE = 25, 60


def _score(state: str, spent: float, left: float, clock: Clock, is_blocked: bool) -> int:
    """Return the risk: it never falls with time, nor because of a block.

    Args:
        state: the state of the licence.
        spent: the elapsed share of the time until it expires.
        left: seconds until it expires.
        clock: the clock of its model.
        is_blocked: blocked since the last success.
    """
    if state == DEREGISTERED:
        return 100
    if state == EXPIRED:
        return 95
    extra = 5 if is_blocked else 0
    if state == EXPIRING:
        return math.floor(75 + 15 * (1 - left / (clock.warn * DAY))) + extra
    if state == OVERDUE:
        return math.floor(50 + 20 * spent) + extra
    return math.floor(30 + 20 * spent) if state == BLOCKED else 0


def _text(value: Optional[Value]) -> str:
    values = values_of(value)
    return values[0].strip() if values else ""


def _count(row: Event, field: str) -> int:
    text = _text(row.get(field))
    if not text:
        return 0
    try:
        count = float(text)
    except ValueError:
        count = math.nan
    if not (0 <= count < math.inf):
        raise BadRowError(f"{field} '{for_message(text)}' is not a valid count")
    return math.ceil(count)


def _day(time: float) -> str:
    # Searches show times in the user's time zone, so a sentence says that it does not.
    # Windows' own functions end with the year 3000.
    return f"{(_EPOCH + datetime.timedelta(seconds=time)).date().isoformat()} UTC"
