"""The lab's exceptions; each message is one line: the problem and, where known, the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message that suggests the known word nearest to a word; empty if none is near."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


class Message(NamedTuple):
    """A message for the user; its level is DEBUG, INFO, WARN, ERROR or FATAL."""

    level: str
    text: str

    @property
    def is_error(self) -> bool:
        """Whether the level means failure."""
        return self.level in ("ERROR", "FATAL")


class LabError(Exception):
    """Base class of the lab's exceptions."""


class UsageError(LabError):
    """The request is not valid: an unknown app or command, or a command line that Splunk would refuse."""


class EventError(LabError):
    """An event cannot be read or sent."""


class ProtocolError(LabError):
    """A command violated the chunk protocol or crashed: in Splunk, a failed search or wrong results."""


class CommandTimeout(ProtocolError):  # noqa: N818 - named, as SearchFailed, after what happened
    """A command did not answer or exit in time, and was killed."""


class SearchFailed(LabError):  # noqa: N818
    """A command ended its search with an error message for the user.

    ``messages`` contains all messages of the command up to then, including the error.
    """

    def __init__(self, text: str, messages: Sequence[Message]) -> None:
        """Take the error's text and all messages."""
        super().__init__(text)
        self.messages = tuple(messages)
