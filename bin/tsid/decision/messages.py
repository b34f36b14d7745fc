"""Reads what a device reports about its own licence: one syslog message at a time."""

from __future__ import annotations

import math
import re
from typing import Optional

from tsid.facts.fields import Event, Value, values_of
from tsid.facts.messages import DEADLINE, FAILED, MessageTable
from tsid.text.envelope import read_wrapped
from tsid.text.sanitize import for_message
from tsid.text.syslog import read_tag

#: The fields that a message adds to its event; all are empty where it is not about a licence.
MESSAGE_FIELDS = (
    "device_said",
    "device_about",
    "device_message",
    "device_reason",
    "device_deadline",
    "model_seen",
)

_NOTHING = dict.fromkeys(MESSAGE_FIELDS, "")
# ``in 364 days``, ``in 1 day, 23 hours``, ``in 30 minutes``.
_LEFT = re.compile(
    r"\bin (?:(\d{1,5}) weeks?)?,? ?(?:(\d{1,5}) days?)?,? ?(?:(\d{1,5}) hours?)?,? ?(?:(\d{1,5}) min)?"
)
_SECONDS = (604_800, 86_400, 3_600, 60)
# The separator of the ledger's texts.
_PARTS = re.compile(r"[|]")
_MAX_REASON = 200


class MessageReader:
    """Reads one event after the other.

    Args:
        messages: the messages that devices write about licensing.
    """

    def __init__(self, messages: MessageTable) -> None:
        self._messages = messages

    def read(self, event: Event) -> dict[str, str]:
        """Return the fields that an event's message adds.

        Only the tag after the header of ``_raw`` counts, and the reason is not interpreted: whoever can put
        a text into a message cannot speak for the device, nor for another one.
        """
        found = read_wrapped(" ".join(values_of(event.get("_raw"))), read_tag)
        if found is None:
            return _NOTHING
        message = self._messages.by_tag(found.tag) if found.tag else self._messages.by_alert(found.alert)
        if message is None:
            return _NOTHING
        deadline = _deadline(found.text, event.get("_time")) if message.meaning == DEADLINE else None
        return {
            "device_said": message.meaning,
            "device_about": message.about,
            "device_message": found.tag or found.alert,
            "device_reason": _reason(found.text) if message.meaning == FAILED else "",
            "device_deadline": "" if deadline is None else str(deadline),
            "model_seen": message.model,
        }


def _reason(text: str) -> str:
    """Return the device's own reason: the text after the last colon that a blank follows."""
    reason = re.split(r": | :", text)[-1].strip(" .()")
    return _PARTS.sub("/", for_message(" ".join(reason.split())[:_MAX_REASON]))


def _deadline(text: str, time: Value) -> Optional[int]:
    """Return when the time left in a text is over, in epoch seconds; None without one."""
    found = next((left for left in _LEFT.finditer(text) if any(left.groups())), None)
    try:
        start = float(values_of(time)[0])
    except (IndexError, ValueError):
        return None
    if found is None or not math.isfinite(start):
        return None
    return math.floor(start) + sum(int(n or 0) * unit for n, unit in zip(found.groups(), _SECONDS))
