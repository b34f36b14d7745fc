"""Passes every event on as it is, in the way of the SDK's examples: what the SDK costs alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from splunklib.searchcommands import Configuration, StreamingCommand, dispatch


@Configuration()
class IdentityCommand(StreamingCommand):  # type: ignore[misc]
    """Returns what it gets."""

    def stream(self, records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the events."""
        yield from records


dispatch(IdentityCommand, sys.argv, sys.stdin, sys.stdout, __name__)
