"""The licence clocks: how long a device may go without contact to Cisco, by licensing model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Optional

from tsid.facts.tables import LeftOut, Row, TableFormat, read_table, whole_number

CLOCKS = TableFormat(
    "license_clocks",
    required=("model",),
    optional=(
        *("renew_days", "slack_days", "warn_days", "expire_days", "deregister_days"),
        *("effect", "check", "source", "note"),
    ),
    key=("model",),
)

#: The model of a device whose model is not known.
CLASSIC = "classic"

_MAX_DAYS = 36_500
# A device renews when its time is up, not before, and its traffic is counted by the hour.
_SLACK = 2


class Clock(NamedTuple):
    """The deadlines of a licensing model, in days since the last success.

    Attributes:
        model: its name, in lower case.
        renew: the longest time between two renewals.
        slack: how many days later than that a renewal may be before it is overdue.
        warn: how many days before the expiry to warn.
        expire: when the licence, or the right to it, expires; None for a model that needs no contact.
        deregister: when the device counts as unregistered; None if never.
        effect: the consequence of expiry, as a clause.
        check: how to renew the licence and to see its state, as a clause; empty if that is not known.
    """

    model: str
    renew: int
    slack: int
    warn: int
    expire: Optional[int]
    deregister: Optional[int]
    effect: str
    check: str


def load_clocks(folder: Path, left_out: Optional[list[LeftOut]] = None) -> Mapping[str, Clock]:
    """Read the clocks by model.

    Args:
        folder: the app's ``lookups`` folder.
        left_out: takes what is broken in the local file, which is then passed over; None: an error.

    Raises:
        LookupTableError: a file is missing or broken; the message names the file, the line and the cure.
    """
    return {clock.model: clock for clock in read_table(folder, CLOCKS, _parse, left_out=left_out)}


def _parse(row: Row) -> tuple[tuple[object, ...], Clock]:
    model, effect, check = row.values["model"].lower(), row.phrase("effect"), row.phrase("check").rstrip(".")
    renew, slack, warn, expire, deregister = (
        _days(row, f"{column}_days", least=0 if column == "slack" else 1)
        for column in ("renew", "slack", "warn", "expire", "deregister")
    )
    if expire is None:
        if (renew, slack, warn, deregister) != (None,) * 4:
            row.refuse(
                "expire_days is missing", "Give it, or leave all days empty for a model without deadlines."
            )
        return (model,), Clock(model, 0, 0, 0, None, None, effect, check)
    if renew is None or warn is None:
        row.refuse("renew_days or warn_days is missing", "Give both if expire_days has a number.")
    if renew > expire or warn > expire or (deregister is not None and deregister < expire):
        row.refuse(
            "the days are out of order",
            "renew_days and warn_days must not exceed expire_days, nor expire_days deregister_days.",
        )
    return (model,), Clock(
        model, renew, _SLACK if slack is None else slack, warn, expire, deregister, effect, check
    )


def _days(row: Row, column: str, least: int) -> Optional[int]:
    text = row.values.get(column, "")
    if not text:
        return None
    days = whole_number(text, least, _MAX_DAYS)
    if days is None:
        row.refuse(
            f"{column} '{text}' is not a valid number of days",
            f"Write a whole number from {least} to {_MAX_DAYS}.",
        )
    return days
