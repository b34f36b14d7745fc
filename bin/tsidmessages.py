"""The search command `tsidmessages`: reads what devices report about their own licences in syslog."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tsidsplunk import LOOKUPS
from tsidsplunk.chunks import ChunkCommand

from splunklib.searchcommands import Configuration, StreamingCommand, dispatch

from tsid.decision.messages import MESSAGE_FIELDS, MessageReader
from tsid.facts.messages import load_messages
from tsid.facts.tables import LeftOut, warnings_of
from tsid.hotpath.added_columns import add_columns


@Configuration(distributed=True, required_fields=["_time", "_raw"])
class TsidMessagesCommand(ChunkCommand, StreamingCommand):  # type: ignore[misc]
    """Adds the ``device_`` fields and ``model_seen`` to syslog events."""

    def load(self) -> None:
        """Load the messages."""
        left_out: list[LeftOut] = []
        self._reader = MessageReader(load_messages(LOOKUPS, left_out))
        self.warn(warnings_of(left_out))

    def transform(self, body: Iterator[bytes]) -> list[bytes]:
        """Add the fields to each event of a chunk."""
        return add_columns(b"".join(body), MESSAGE_FIELDS, self._reader.read)


dispatch(TsidMessagesCommand, sys.argv, sys.stdin, sys.stdout, __name__)
