"""The memos of the library and all of their limits.

Hostile traffic has unlimited distinct values, of any length, so every memo is bounded. There are three kinds:
`cachetools.LRUCache` where a hit may cost a microsecond, `BoundedMemo` where it must cost a twentieth of
that, and `AnswerMemo` for values of very different sizes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Callable, Generic, TypeVar, Union

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Text = TypeVar("Text", bound=Union[str, bytes])

#: How many values a memo may contain: addresses, reported names, hostnames of the lookups, verdicts on pairs
#: of address and name, and cells of each kind.
MAX_ADDRESSES = 50_000
MAX_NAMES = 50_000
MAX_HOSTS = 1_000
MAX_DECISIONS = 50_000
MAX_CELLS = 100_000
#: The longest text to remember, in characters or bytes: a hostname and its scheme fit in.
MAX_TEXT_LENGTH = 300
#: How many bytes all remembered answers for rows may take, roughly.
MAX_ANSWER_BYTES = 96 << 20
# The memory that an entry takes in addition to the bytes of its cells: for itself, and for each cell.
_ENTRY_BYTES, _CELL_BYTES = 600, 40


class BoundedMemo(dict[Text, V], Generic[Text, V]):
    """Remembers what a function returns for a text: ``memo[text]``.

    It is a plain dict because a hit must cost only 0.05 microseconds, where `cachetools` takes ten times as
    long. It starts afresh when it has grown too large, and does not keep long texts.

    Args:
        function: computes a value; it must depend on the text alone.
        max_size: how many values to remember.
    """

    def __init__(self, function: Callable[[Text], V], max_size: int) -> None:
        super().__init__()
        self._function = function
        self._max_size = max_size

    def __missing__(self, text: Text) -> V:
        value = self._function(text)
        if len(text) <= MAX_TEXT_LENGTH:
            if len(self) >= self._max_size:
                self.clear()
            self[text] = value
        return value


class AnswerMemo(dict[K, V], Generic[K, V]):
    """Answers that count against a budget; a plain dict, because every row of licensing traffic asks it."""

    def __init__(self, budget: AnswerBudget) -> None:
        super().__init__()
        self._budget = budget

    def put(self, key: K, value: V, cells: Iterable[bytes]) -> V:
        """Remember a value, and return it.

        Args:
            key: what to find it by.
            value: the value.
            cells: all cells in key and value, for their size.
        """
        self._budget.spend(_ENTRY_BYTES + sum(len(cell) + _CELL_BYTES for cell in cells))
        self[key] = value
        return value


class AnswerBudget:
    """Limits the size of several memos together: all forget everything when they have grown too large."""

    def __init__(self) -> None:
        self._memos: list[AnswerMemo[Any, Any]] = []
        self._used = 0

    def memo(self) -> AnswerMemo[Any, Any]:
        """Return a new, empty memo."""
        memo: AnswerMemo[Any, Any] = AnswerMemo(self)
        self._memos.append(memo)
        return memo

    def spend(self, size: int) -> None:
        """Account for this many more bytes."""
        self._used += size
        if self._used > MAX_ANSWER_BYTES:
            self._used = size
            for memo in self._memos:
                memo.clear()
