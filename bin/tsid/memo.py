"""The memos of the library and their limits: hostile traffic has unlimited distinct values, of any length."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: How many bytes all remembered answers for rows may take, roughly.
MAX_ANSWER_BYTES = 96 << 20
# The size of an entry besides the bytes of its cells: the objects for key, answer and cells.
_ENTRY_BYTES = 1_200


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
        self._budget.spend(_ENTRY_BYTES + sum(map(len, cells)))
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
