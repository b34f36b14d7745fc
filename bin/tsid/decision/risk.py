"""Turns what is known about a device into its licence's state, deadline and next step."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from tsid.facts.clocks import Clock
from tsid.facts.fields import Event, Value, values_of
from tsid.facts.messages import DEADLINE, FAILED, Failure
from tsid.text.sanitize import for_message, printable

HEALTHY, BLOCKED, OVERDUE, EXPIRING = "healthy", "blocked", "overdue", "expiring"
EXPIRED, DEREGISTERED, UNKNOWN_STATE, OFFLINE = "expired", "deregistered", "unknown", "offline"
REJECTED, NONCOMPLIANT = "rejected", "noncompliant"

#: What a state rests on: the device's own word, the traffic that firewalls saw, or nothing.
BY_DEVICE, BY_TRAFFIC, BY_NOTHING = "device", "traffic", "none"

#: The fields that an assessment adds.
LICENSE_FIELDS = (
    "license_state",
    "license_deadline",
    "license_days_left",
    "license_score",
    "license_evidence",
    "license_reason",
    "license_next_step",
)

DAY = 86_400

_EPOCH = datetime.datetime(1970, 1, 1)

# Clocks differ, even by a time zone; a time further ahead is an error.
_MAX_AHEAD = DAY

# The advice of `tsidenrich` has some 300 characters.
_MAX_ADVICE_LENGTH = 1_000

# If the model's row is empty.
_CHECK = "check the licence state on the device"
_SAFE = (
    "Permit the licensing host by name and destination network together, because a name alone can be forged; "
    "where TSID reports an alias, allow it in URL filtering and Security Intelligence, or permit by URL "
    "category or broader domain (Cisco KB 226091)"
)


#: What the ledger has for the rule where a DNS filter led the device astray.
DNS_FILTER = "DNS filter"
_EXEMPT = "Exempt the licensing hosts from the DNS filter that the device uses"


class FieldNames(NamedTuple):
    """The names of the fields of a row; times are epoch seconds.

    Attributes:
        success: when the device last got an answer from a licensing server.
        blocked: when it was last blocked.
        blocks: how often it was blocked since the last success.
        seen: when the device was first seen.
        model: its licensing model.
        rule: the rule that blocked it last.
        policy: the access control policy with that rule.
        firewall: the firewall that blocked it.
        advice: what `tsidenrich` advised then.
        said: what the device says of its licence, one of `tsid.facts.messages.MEANINGS`: a failure that no
            later success clears, else its last message.
        said_at: when it said so.
        said_reason: the reason that it gave.
        device_success: when it last said that it had renewed its licence or reached the server.
        deadline: the deadline that it named itself.
        deadline_said: when it named that.
        model_seen: the model that its messages show, where ``model`` is empty.
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
    said: str = "device_said"
    said_at: str = "device_said_at"
    said_reason: str = "device_reason"
    device_success: str = "device_success"
    deadline: str = "device_deadline"
    deadline_said: str = "device_deadline_said"
    model_seen: str = "model_seen"


class Assessment(NamedTuple):
    """The state of a device's licence.

    Attributes:
        state: one of the constants of this module.
        deadline: when it expires, epoch seconds; None if unknown.
        days_left: whole days until then, rounded down; negative after it.
        score: the risk, 0 to 100.
        evidence: what the state rests on, one of `BY_DEVICE`, `BY_TRAFFIC`, `BY_NOTHING`.
        reason: why, in a sentence.
        next_step: what to do; empty if nothing.
    """

    state: str
    deadline: Optional[int]
    days_left: Optional[int]
    score: int
    evidence: str
    reason: str
    next_step: str

    def fields(self) -> dict[str, str]:
        """Return the fields to add to the row."""
        values = (
            *(self.state, self.deadline, self.days_left, self.score, self.evidence),
            *(self.reason, self.next_step),
        )
        return {name: "" if value is None else str(value) for name, value in zip(LICENSE_FIELDS, values)}


class BadRowError(ValueError):
    """A row without a valid state; the text says why."""


class _Known(NamedTuple):
    """What is known of a device; times are epoch seconds.

    Attributes:
        row: the row itself.
        clock: of its model.
        success: the last success that counts.
        by_device: the device itself said so.
        blocked: when it was last blocked.
        is_blocked: it was blocked since the last success.
        answered: a server answered it, as a firewall saw.
        seen: when it was first seen.
        said: its own complaint that is still open; empty if there is none.
        said_at: when it said so.
        deadline: the deadline that it named, if nothing outdates it.
    """

    row: Event
    clock: Clock
    success: Optional[float]
    by_device: bool
    blocked: Optional[float]
    is_blocked: bool
    answered: bool
    seen: Optional[float]
    said: str
    said_at: Optional[float]
    deadline: Optional[float]


class Assessor:
    """Assesses one device after the other.

    Args:
        clocks: by model.
        failures: what to do about the reasons that devices give.
        fields: the names of the rows' fields.
        model: the model of rows without one.
        now: the time of the assessment, epoch seconds.
    """

    def __init__(
        self,
        clocks: Mapping[str, Clock],
        failures: Sequence[Failure],
        fields: FieldNames,
        model: str,
        now: float,
    ) -> None:
        self._clocks, self._failures, self._fields = clocks, failures, fields
        self._model, self._now = model, now

    def assess(self, row: Event) -> Assessment:
        """Assess a device; an invalid row has the state `UNKNOWN_STATE`, and the reason says why."""
        try:
            known = self._known(row)
        except BadRowError as problem:
            step = f"Correct the row; {_CHECK}."
            return Assessment(UNKNOWN_STATE, None, None, _UNKNOWN_SCORE, BY_NOTHING, f"{problem}.", step)
        clock = known.clock
        if clock.expire is None:
            return Assessment(OFFLINE, None, None, 0, BY_NOTHING, f"Model {clock.model}: {clock.effect}.", "")
        if known.said in _TOLD:
            return self._by_its_word(known)
        if known.said == DEADLINE:
            return self._ending(known)
        if known.success is None and known.deadline is None:
            return self._without_success(known)
        return self._by_the_clock(known, clock.expire)

    def _known(self, row: Event) -> _Known:
        fields = self._fields
        clock = self._clock(_text(row.get(fields.model)) or _text(row.get(fields.model_seen)))
        answered = self._time(row, fields.success)
        own = self._time(row, fields.device_success)
        blocked, count = self._time(row, fields.blocked), _count(row, fields.blocks)
        said, said_at = _text(row.get(fields.said)).lower(), self._time(row, fields.said_at)
        deadline, deadline_said = self._deadline(row), self._time(row, fields.deadline_said)
        if said not in _COMPLAINTS and (said != DEADLINE or deadline is not None):
            said = ""
        elif said_at is None:
            raise BadRowError(f"{fields.said_at} is missing, the time at which the device said {said}")
        success = max(filter(None, (answered, own)), default=None)
        if said and (own is not None or self._now - (success or 0) <= (clock.renew + clock.slack) * DAY):
            # What a firewall saw proves nothing where the device says that it failed: only that it cannot
            # have succeeded later.
            success = own
        # As far as is known, the blocks that are counted are later than the last answer.
        is_counted = count > 0 and (own is None or blocked is None or blocked > own)
        is_blocked = is_counted or (blocked is not None and blocked > max(answered or 0, own or 0))
        if deadline is not None and own is not None and own > (deadline_said or 0):
            # It says that it has renewed its licence since it named the deadline.
            expire = (clock.expire or 0) * DAY
            deadline = deadline if deadline > own + expire else None
        return _Known(
            row=row,
            clock=clock,
            success=success,
            by_device=own is not None and own == success,
            blocked=blocked,
            is_blocked=is_blocked,
            answered=answered is not None,
            seen=self._time(row, fields.seen),
            said=said,
            said_at=said_at,
            deadline=deadline,
        )

    def _by_its_word(self, known: _Known) -> Assessment:
        """Assess a device that reports that its licence is no longer valid."""
        state = known.said
        told, score = _TOLD[state]
        reason = f"The device said on {_day(known.said_at or 0)} that {told}{self._reason_given(known)}"
        deadline = None if state == NONCOMPLIANT else math.floor(known.said_at or 0)
        left = None if deadline is None else math.floor((deadline - self._now) / DAY)
        steps = [self._step(known)] if known.is_blocked else []
        if state == DEREGISTERED:
            steps.append(_REGISTER)
        elif not steps:
            steps.append(f"{_capital(self._check(known))}.")
        return Assessment(state, deadline, left, score, BY_DEVICE, f"{reason}.", " ".join(steps))

    def _ending(self, known: _Known) -> Assessment:
        """Assess a device that reports that its licence will soon expire, but not when."""
        reason = f"The device said on {_day(known.said_at or 0)} that its licence will soon expire"
        step = self._step(known) if known.is_blocked else f"{_capital(self._check(known))}."
        return Assessment(EXPIRING, None, None, _ENDING_SCORE, BY_DEVICE, f"{reason}.", step)

    def _by_the_clock(self, known: _Known, expire: int) -> Assessment:
        """Assess a device that has been seen to succeed, or has named a deadline."""
        clock, success = known.clock, known.success
        deadline = known.deadline if known.deadline is not None else (success or 0) + expire * DAY
        age = None if success is None else max(0.0, self._now - success)
        left = deadline - self._now
        state = self._state(known, age, left)
        if success is None:
            reason = "No success was ever seen for this device"
        else:
            who = ", as the device says" if known.by_device else ""
            reason = f"Last success on {_day(success)}, {math.floor((age or 0) / DAY)} days ago{who}"
        reason += self._troubles(known, state)
        reason += f". Model {clock.model}: renewal every {clock.renew} days, "
        said = ", as the device says" if known.deadline is not None else ""
        reason += f"expiry {'was' if left < 0 else 'is'} on {_day(deadline)}{said}"
        if clock.effect and state in (EXPIRING, EXPIRED, DEREGISTERED):
            reason += f"; {clock.effect}"
        spent = min(1.0, max(0.0, 1 - left / (expire * DAY)))
        score = _score(state, spent, left, clock, known.is_blocked or bool(known.said))
        step = "" if state == HEALTHY else self._step(known)
        if known.said or known.by_device or (known.deadline is not None and state in (EXPIRING, EXPIRED)):
            evidence = BY_DEVICE
        else:
            evidence = BY_TRAFFIC if success is not None else BY_NOTHING
        return Assessment(
            state, math.floor(deadline), math.floor(left / DAY), score, evidence, f"{reason}.", step
        )

    def _troubles(self, known: _Known, state: str) -> str:
        """Return what has happened since the last success, as clauses."""
        text = ""
        if known.is_blocked:
            text += "; blocked since"
            text += f", last on {_day(known.blocked)}" if known.blocked is not None else ""
        if known.said:
            text += f"; the device said on {_day(known.said_at or 0)} that it failed"
            text += self._reason_given(known)
        if not text and state not in (HEALTHY, UNKNOWN_STATE):
            text = "; nothing seen since, which may also be handshakes that never complete"
        return text

    @staticmethod
    def _state(known: _Known, age: Optional[float], left: float) -> str:
        clock = known.clock
        if age is not None and clock.deregister is not None and age > clock.deregister * DAY:
            return DEREGISTERED
        if left < 0:
            return EXPIRED
        if left <= clock.warn * DAY:
            return EXPIRING
        if age is None:
            return UNKNOWN_STATE
        if age > (clock.renew + clock.slack) * DAY:
            return OVERDUE
        if known.is_blocked:
            return BLOCKED
        return REJECTED if known.said else HEALTHY

    def _without_success(self, known: _Known) -> Assessment:
        """Assess a device that was never seen to succeed, as far as anything proves."""
        seen, blocked = known.seen, known.blocked
        since = "" if seen is None else f" since it was first seen on {_day(seen)}"
        reason = f"No success was ever seen for this device{since}, so its deadline is not known"
        if known.is_blocked:
            reason += f"; it is blocked{f', last on {_day(blocked)}' if blocked is not None else ''}"
        state, score, evidence = UNKNOWN_STATE, _UNKNOWN_SCORE, BY_NOTHING
        if known.said:
            when = _day(known.said_at or 0)
            reason += f"; the device said on {when} that it failed{self._reason_given(known)}"
            score, evidence = _UNKNOWN_BLOCKED_SCORE, BY_DEVICE
            if known.answered:
                state = BLOCKED if known.is_blocked else REJECTED
            if state == REJECTED:
                reason = (
                    f"The device said on {when} that it failed{self._reason_given(known)}, although a server "
                    "answered it; its deadline is not known"
                )
        if known.is_blocked:
            score = _UNKNOWN_BLOCKED_SCORE
        return Assessment(state, None, None, score, evidence, f"{reason}.", self._step(known))

    def _step(self, known: _Known) -> str:
        fields, row, check = self._fields, known.row, self._check(known)
        if not known.is_blocked and known.said:
            told = _text(row.get(fields.said_reason)).lower()
            cure = next((failure.step for failure in self._failures if failure.text in told), "")
            if not cure:
                cure = "on the device check DNS, proxy, clock and certificates; look for TLS inspection"
            if known.answered:
                return (
                    "The firewall lets the connection through, but the device rejects the server: "
                    f"{cure}. Then {check}."
                )
            return f"{_capital(cure)}. Then {check}."
        if not known.is_blocked:
            return (
                f"Find out why the device is silent: {check}; check its DNS and its route to the "
                "internet. If it is gone or licensed offline, exclude it or set its model to offline."
            )
        # These names come from events, so they are untrusted.
        rule, policy, firewall = (
            for_message(_text(row.get(f))) for f in (fields.rule, fields.policy, fields.firewall)
        )
        if rule == DNS_FILTER:
            advice = printable(_text(row.get(fields.advice))[:_MAX_ADVICE_LENGTH]).rstrip(".")
            return f"{advice or _EXEMPT}. Then {check}."
        where = f"rule {rule}" if rule else "the rule that blocks it"
        where += f" of policy {policy}" if policy else ""
        where += f" on {firewall}" if firewall else ""
        advice = printable(_text(row.get(fields.advice))[:_MAX_ADVICE_LENGTH]).rstrip(".") or _SAFE
        return f"Change {where}: {advice[0].lower() + advice[1:]}. Then {check}."

    def _reason_given(self, known: _Known) -> str:
        text = for_message(_text(known.row.get(self._fields.said_reason)))
        return f" ({text})" if text else ""

    @staticmethod
    def _check(known: _Known) -> str:
        return known.clock.check or _CHECK

    def _deadline(self, row: Event) -> Optional[float]:
        """Return the deadline that the device named; usually in the future."""
        text = _text(row.get(self._fields.deadline))
        return _epoch(text, self._fields.deadline) if text else None

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
        time = _epoch(text, field)
        if time > self._now + _MAX_AHEAD:
            raise BadRowError(f"{field} {_day(time)} is in the future")
        return time


# 9900-01-01: a deadline may be a hundred years later, and Python's last date is in the year 9999.
_MAX_TIME = 250_246_627_200.0

_UNKNOWN_SCORE, _UNKNOWN_BLOCKED_SCORE = 25, 60
_DEREGISTERED_SCORE, _EXPIRED_SCORE, _NONCOMPLIANT_SCORE, _ENDING_SCORE = 100, 95, 80, 75
# A device's own word for a licence that is no longer in order: the same as the state, as a clause, its score.
_TOLD = {
    EXPIRED: ("its licence has expired", _EXPIRED_SCORE),
    NONCOMPLIANT: ("it uses more licences than it has", _NONCOMPLIANT_SCORE),
    DEREGISTERED: ("it is no longer registered", _DEREGISTERED_SCORE),
}
_COMPLAINTS = (FAILED, *_TOLD)
_REGISTER = (
    "Register the device again; if it is gone or licensed offline, exclude it or set its model to offline."
)


def _epoch(text: str, field: str) -> float:
    try:
        time = float(text)
    except ValueError:
        time = math.nan
    if not 0 < time < _MAX_TIME:
        raise BadRowError(f"{field} '{for_message(text)}' is not a valid time in epoch seconds")
    return time


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _score(state: str, spent: float, left: float, clock: Clock, is_blocked: bool) -> int:
    """Return the risk: it never falls with time, nor because of a block.

    Args:
        state: the state of the licence.
        spent: the elapsed share of the time until it expires.
        left: seconds until it expires.
        clock: the clock of its model.
        is_blocked: blocked since the last success, or failed by the device's own word.
    """
    if state == DEREGISTERED:
        return _DEREGISTERED_SCORE
    if state == EXPIRED:
        return _EXPIRED_SCORE
    extra = 5 if is_blocked else 0
    if state == EXPIRING:
        return math.floor(75 + 15 * (1 - left / (clock.warn * DAY))) + extra
    if state == OVERDUE:
        return math.floor(50 + 20 * spent) + extra
    return math.floor(30 + 20 * spent) if state in (BLOCKED, REJECTED) else 0


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
