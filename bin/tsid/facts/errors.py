"""The errors that the library raises on purpose: each says what is wrong, where, and how to fix it."""

from __future__ import annotations

from typing import Optional

from tsid.text.sanitize import printable

# A problem quotes the file, which may contain anything.
_MAX_PROBLEM_LENGTH = 500


class TsidError(Exception):
    """A problem that the user or the administrator can solve."""


class LookupTableError(TsidError):
    """A lookup file that cannot be used.

    Args:
        file: name of the file below the app, e.g. ``lookups/tsid_aliases.csv``.
        line: line in the file, counted from 1 (the header); None for the whole file.
        problem: what is wrong, without a full stop.
        cure: what to do about it, a full sentence.
    """

    def __init__(self, file: str, line: Optional[int], problem: str, cure: str) -> None:
        self.file = file
        self.line = line
        self.problem = problem
        self.cure = cure
        place = file if line is None else f"{file}, line {line}"
        if len(problem) > _MAX_PROBLEM_LENGTH:
            problem = f"{problem[: _MAX_PROBLEM_LENGTH - 1]}…"
        #: The problem as it is shown: printable, and not too long.
        self.shown_problem = printable(problem)
        super().__init__(f"{place}: {self.shown_problem}. {cure}")
