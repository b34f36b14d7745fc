"""The table of events or results that passes through a search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional

from lab.spl.values import Row, SplError


class Table(NamedTuple):
    """The events or results so far.

    Attributes:
        rows: in order.
        columns: the fields that they may have, in order; None for events, which may have any.
    """

    rows: list[Row]
    columns: Optional[list[str]]

    def need(self, names: Iterable[str]) -> None:
        """Refuse fields that no row can have.

        Raises:
            SplError: a field does not exist after a transforming command.
        """
        if self.columns is not None:
            missing = [name for name in names if name not in self.columns]
            if missing:
                raise SplError(f"no field {missing[0]} here; there are {', '.join(self.columns)}")

    def with_columns(self, names: Iterable[str]) -> Optional[list[str]]:
        """Return the columns and more."""
        return None if self.columns is None else list(dict.fromkeys([*self.columns, *names]))
