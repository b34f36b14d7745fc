"""Returns every event unchanged, like the SDK's examples: the cost of the SDK alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from splunklib.searchcommands import Configuration, StreamingCommand, dispatch


@Configuration()
class IdentityCommand(StreamingCommand):  # type: ignore[misc]
    """Returns the events unchanged."""

    def stream(self, records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the events."""
        yield from records


dispatch(IdentityCommand, sys.argv, sys.stdin, sys.stdout, __name__)
