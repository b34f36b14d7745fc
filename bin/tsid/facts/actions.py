"""Classifies what a firewall says it did with a connection: allowed, blocked, or unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from tsid.facts.tables import Row, TableFormat

ACTIONS = TableFormat(
    "tsid_actions", required=("value", "match", "outcome"), optional=("source",), key=("value", "match")
)

ALLOWED, BLOCKED, UNKNOWN = "allowed", "blocked", "unknown"

# A value may contain the markup of the page it was copied from: ``<br/>Block with reset``.
_MARKUP = re.compile(r"<[^<>]*>")
# ``TCP_DENIED/403`` has two words.
_WORDS = re.compile(r"[^\s/:,;()]+")
_MATCHES = ("exact", "word")
# Which outcome counts where a multivalue field has several.
_STRENGTH = {BLOCKED: 2, ALLOWED: 1, UNKNOWN: 0}


class Action(NamedTuple):
    """One row of ``tsid_actions``: a whole value (``exact``) or a word in it (``word``), and its outcome."""

    value: str
    match: str
    outcome: str


class ActionTable:
    """The outcomes of all known action values."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._exact: dict[str, str] = {}
        self._word: dict[str, str] = {}
        for action in actions:
            (self._exact if action.match == "exact" else self._word)[action.value] = action.outcome

    def outcome(self, values: Sequence[str]) -> Optional[str]:
        """Return the outcome of an action field's values; a block outweighs an allow.

        None if no value is in the table: another field may then have a known value.
        """
        outcomes = [outcome for outcome in map(self._classify, values) if outcome is not None]
        return max(outcomes, key=_STRENGTH.__getitem__, default=None)

    def _classify(self, value: str) -> Optional[str]:
        text = clean_action(value)
        outcome = self._exact.get(text)
        if outcome is None:
            words = {self._word[word] for word in _WORDS.findall(text) if word in self._word}
            # ``Would have blocked``: such a word cancels the others.
            outcome = UNKNOWN if UNKNOWN in words else max(words, key=_STRENGTH.__getitem__, default=None)
        return outcome


def clean_action(value: str) -> str:
    """Strip markup, fold the case and collapse white space."""
    return " ".join(_MARKUP.sub(" ", value).lower().split())


def parse_action(row: Row) -> tuple[tuple[object, ...], Action]:
    """Read a row of ``tsid_actions``."""
    value = clean_action(row.values["value"])
    match = row.values["match"].lower()
    outcome = row.values["outcome"].lower()
    if match not in _MATCHES:
        row.refuse(f"match '{match}' is unknown", f"Use one of {', '.join(_MATCHES)}.")
    if outcome not in _STRENGTH:
        row.refuse(f"outcome '{outcome}' is unknown", f"Use one of {', '.join(_STRENGTH)}.")
    if match == "word" and " " in value:
        row.refuse(f"'{value}' is more than one word", "Use match=exact for a whole value.")
    return (value, match), Action(value, match, outcome)
