"""The lab's errors; every text is one line: the problem and, where known, the cure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Message(NamedTuple):
    """A message that a command shows to the user, of one of the levels DEBUG, INFO, WARN, ERROR and FATAL."""

    level: str
    text: str

    @property
    def is_error(self) -> bool:
        """Whether the level means failure."""
        return self.level in ("ERROR", "FATAL")


class LabError(Exception):
    """Base of everything here."""


class UsageError(LabError):
    """The request cannot be run: no such app or command, or a command line that Splunk would refuse."""


class EventError(LabError):
    """An event that cannot be read or sent."""


class ProtocolError(LabError):
    """A command broke the chunk protocol, or died: in Splunk a failed search or, worse, wrong results."""


class CommandTimeout(ProtocolError):  # noqa: N818 - named, as SearchFailed, after what happened
    """A command neither answered nor exited in time. It has been killed."""


class SearchFailed(LabError):  # noqa: N818
    """A command ended its search in the orderly way: with an error message for the user.

    ``messages`` holds everything that the command said up to then, the error included.
    """

    def __init__(self, text: str, messages: Sequence[Message]) -> None:
        """Take the error's text and all messages."""
        super().__init__(text)
        self.messages = tuple(messages)
