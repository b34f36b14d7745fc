"""The messages that devices log about their licences, and how to fix the failures that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple, Optional

from tsid.facts.tables import LeftOut, Row, TableFormat, read_table

MESSAGES = TableFormat(
    "license_messages",
    required=("message", "meaning", "about"),
    optional=("platform", "model", "source"),
    key=("message",),
)
FAILURES = TableFormat("license_failures", required=("text", "step"), optional=("source",), key=("text",))

#: What a message means. A success and a restored contact prove that the licence was renewed; a deadline names
#: the days that are left.
SUCCESS, RESTORED, FAILED, DEADLINE = "success", "restored", "failed", "deadline"
EXPIRED, NONCOMPLIANT, DEREGISTERED, INFO = "expired", "noncompliant", "deregistered", "info"
MEANINGS = (SUCCESS, RESTORED, FAILED, DEADLINE, EXPIRED, NONCOMPLIANT, DEREGISTERED, INFO)

# ``SMART_LIC-3-COMM_FAILED``: facility, severity, mnemonic. A device's configuration may change the severity.
_TAG = re.compile(r"([A-Z][A-Z0-9_\-]*)-[0-7]-([A-Z0-9_]+)\Z")
# IOS XR puts this before the facility that the other systems use.
_XR = "LICENSE-"
_MESSAGE = re.compile(r"[A-Za-z0-9_*\-]{1,120}\Z")
_ABOUT = re.compile(r"[a-z_]{1,40}\Z")


class Message(NamedTuple):
    """One row of ``license_messages``.

    Attributes:
        message: facility, severity and mnemonic, or the name of an alert, which may contain ``*``.
        meaning: one of `MEANINGS`.
        about: what it is about: a success clears the failures that are about the same.
        model: the licensing model that alone writes it; empty if several do.
    """

    message: str
    meaning: str
    about: str
    model: str


class Failure(NamedTuple):
    """One row of ``license_failures``: a text in a device's own reason, and what to do about it."""

    text: str
    step: str


class MessageTable:
    """The messages, by facility and mnemonic, or by the name of an alert."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._tags: dict[tuple[str, str], Message] = {}
        self._alerts: list[tuple[re.Pattern[str], Message]] = []
        self._names: list[str] = []
        for message in messages:
            tag = _split(message.message)
            if tag:
                self._tags[tag] = message
            else:
                self._alerts.append((re.compile(translate(message.message)), message))
                self._names.append(message.message)

    def by_tag(self, tag: str) -> Optional[Message]:
        """Return the message with a tag such as ``SMART_LIC-3-COMM_FAILED``, whatever its severity."""
        parts = _split(tag)
        return self._tags.get(parts) if parts else None

    def by_alert(self, name: str) -> Optional[Message]:
        """Return the message of an alert's name."""
        return next((message for pattern, message in self._alerts if pattern.match(name)), None)

    def search(self) -> str:
        """Return an SPL expression over raw text that matches every event with one of the messages."""
        # A mnemonic alone, such as DISABLED, is in much other text.
        terms = {facility if "LIC" in facility else mnemonic for facility, mnemonic in self._tags}
        terms.update(name.partition("*")[0] + "*" * ("*" in name) for name in self._names)
        return "(" + " OR ".join(f'"{term}"' for term in sorted(terms)) + ")"


def load_messages(folder: Path, left_out: Optional[list[LeftOut]] = None) -> MessageTable:
    """Read the messages.

    Args:
        folder: the app's ``lookups`` folder.
        left_out: takes what is broken in the local file, which is then passed over; None: an error.

    Raises:
        LookupTableError: a file is missing or broken; the message names the file, the line and the cure.
    """
    return MessageTable(read_table(folder, MESSAGES, _parse_message, left_out=left_out))


def load_failures(folder: Path, left_out: Optional[list[LeftOut]] = None) -> Sequence[Failure]:
    """Read the failures, with the arguments and errors of `load_messages`."""
    return read_table(folder, FAILURES, _parse_failure, left_out=left_out)


def _split(tag: str) -> Optional[tuple[str, str]]:
    found = _TAG.match(tag)
    if found is None:
        return None
    facility, mnemonic = found.groups()
    if facility.startswith(f"{_XR}SMART_LIC"):
        facility = facility[len(_XR) :]
    return facility, mnemonic


def _parse_message(row: Row) -> tuple[tuple[object, ...], Message]:
    message, meaning, about = (
        row.values["message"],
        row.values["meaning"].lower(),
        row.values["about"].lower(),
    )
    if meaning not in MEANINGS:
        row.refuse(f"meaning '{meaning}' is unknown", f"Use one of {', '.join(MEANINGS)}.")
    if not _ABOUT.match(about):
        row.refuse(f"about '{about}' is not a single word", "Use a word such as authorization.")
    if not _MESSAGE.match(message):
        row.refuse(f"message '{message}' is not valid", "Write a tag such as SMART_LIC-3-COMM_FAILED.")
    key = _split(message) or (message,)
    return key, Message(message, meaning, about, row.values.get("model", "").lower())


def _parse_failure(row: Row) -> tuple[tuple[object, ...], Failure]:
    text = row.phrase("text").lower()
    return (text,), Failure(text, row.phrase("step").rstrip("."))
