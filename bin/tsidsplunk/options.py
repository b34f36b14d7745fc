"""The options of this app's search commands: which values are allowed, and why others are refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import ClassVar, Generic, Optional, TypeVar, Union

from splunklib.searchcommands import validators

T = TypeVar("T")


class Refused:
    """The value of an option that is not allowed, with the reason.

    The SDK replaces any error of a validator with 'Illegal value'. So a validator of this app returns its
    objection, and the command reports it in `prepare`.
    """

    def __init__(self, value: str, reason: str) -> None:
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        return self.value


class Checked(validators.Validator, Generic[T]):  # type: ignore[misc]
    """A validator whose objection reaches the user in full: the base of this app's validators."""

    def __call__(self, value: Optional[str]) -> Union[T, Refused, None]:
        """Return the option's value, or a `Refused` with the reason."""
        if value is None:
            return None
        try:
            return self.read(str(value))
        except ValueError as error:
            return Refused(str(value), str(error))

    def read(self, text: str) -> T:
        """Return the value of the text.

        Raises:
            ValueError: the value is not allowed; the text of the error says what to write instead.
        """
        raise NotImplementedError

    def format(self, value: object) -> Optional[str]:
        """Return the value as a search would contain it."""
        return None if value is None else str(value)


class Flag(Checked[bool]):
    """True or false, in the spellings of Splunk's own commands."""

    _VALUES: ClassVar[dict[str, bool]] = {
        **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
        **dict.fromkeys(("false", "f", "no", "n", "0"), False),
    }

    def read(self, text: str) -> bool:
        """Return true or false."""
        try:
            return self._VALUES[text.lower()]
        except KeyError:
            raise ValueError("use true or false") from None


class Choice(Checked[str]):
    """One word of a fixed list."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def read(self, text: str) -> str:
        """Return the word in lower case; the letter case of the text does not matter."""
        if text.lower() not in self._words:
            raise ValueError(f"use one of {', '.join(self._words)}")
        return text.lower()


class Word(Checked[str]):
    """Any word."""

    def read(self, text: str) -> str:
        """Return the word in lower case, without blanks around it."""
        return text.strip().lower()


class Text(Checked[str]):
    """Any text, which its reader checks."""

    def read(self, text: str) -> str:
        """Return the text."""
        return text


class Field(Checked[str]):
    """The name of a field."""

    def read(self, text: str) -> str:
        """Return the name of the field."""
        if not text.strip():
            raise ValueError("give the name of a field")
        return text


class FieldPrefix(Checked[str]):
    """Text in front of the names of output fields."""

    _PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")

    def read(self, text: str) -> str:
        """Return the text; it may be empty."""
        if text and not self._PATTERN.fullmatch(text):
            raise ValueError(
                "start with a letter, then letters, digits, underscores and dots, 64 characters at most"
            )
        return text


class Time(Checked[float]):
    """A time in epoch seconds."""

    def read(self, text: str) -> float:
        """Return the time in epoch seconds."""
        try:
            moment = float(text)
        except ValueError:
            moment = math.nan
        if not 0 < moment < math.inf:
            raise ValueError("give a time in epoch seconds, as now() returns it")
        return moment
