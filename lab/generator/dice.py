"""Makes seeded choices that are the same on every version of Python and every platform."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A source of choices; the same seed gives the same choices for ever.

    Python guarantees only the sequence of ``random()``, so every choice is derived from it.
    """

    def __init__(self, seed: int) -> None:
        self.roll = random.Random(seed).random  # noqa: S311, nothing secret depends on it
        """A number from 0 up to, not including, 1."""

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, the limit (at most 2**53)."""
        return int(self.roll() * limit)

    def between(self, first: int, last: int) -> int:
        """A number from the first to the last, both included."""
        return first + int(self.roll() * (last - first + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.roll() * len(items))]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.roll() < probability

    def hexadecimal(self, digits: int) -> str:
        """That many hexadecimal digits."""
        return "".join([self.pick("0123456789abcdef") for _ in range(digits)])
