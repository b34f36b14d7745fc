"""The memos stay within their limits."""

from __future__ import annotations

import pytest

from tsid import memo
from tsid.memo import MAX_TEXT_LENGTH, AnswerBudget, BoundedMemo


def length_of(text: str) -> int:
    return len(text)


def test_a_text_is_computed_once() -> None:
    computed: list[str] = []

    def length(text: str) -> int:
        computed.append(text)
        return len(text)

    lengths = BoundedMemo(length, 10)
    assert [lengths["a"], lengths["a"], lengths["bb"]] == [1, 1, 2]
    assert computed == ["a", "bb"]


def test_a_full_memo_starts_afresh() -> None:
    lengths = BoundedMemo(length_of, 2)
    assert [lengths[text] for text in ("a", "bb", "ccc")] == [1, 2, 3]
    assert dict(lengths) == {"ccc": 3}


def test_long_texts_are_computed_but_not_kept() -> None:
    lengths = BoundedMemo(length_of, 10)
    longest = "x" * MAX_TEXT_LENGTH
    assert [lengths[longest], lengths[longest + "x"]] == [MAX_TEXT_LENGTH, MAX_TEXT_LENGTH + 1]
    assert list(lengths) == [longest]


def test_all_memos_of_a_budget_forget_everything_when_it_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "MAX_ANSWER_BYTES", 10_000)
    budget = AnswerBudget()
    one, other = budget.memo(), budget.memo()
    one.put("a", 1, [b"x" * 4_000])
    other.put("b", 2, [])
    assert (dict(one), dict(other)) == ({"a": 1}, {"b": 2})
    assert other.put("c", 3, [b"x" * 3_000, b"x" * 3_000]) == 3
    assert (dict(one), dict(other)) == ({}, {"c": 3})
