"""The search command `tsidrisk`: derives the state of a device's licence from what is known about it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping

from tsidsplunk import LOOKUPS
from tsidsplunk.chunks import ChunkCommand
from tsidsplunk.options import Field, Time, Word

from splunklib.searchcommands import Configuration, Option, StreamingCommand, dispatch

from tsid.decision.risk import LICENSE_FIELDS, Assessor, FieldNames
from tsid.facts.clocks import CLASSIC, load_clocks
from tsid.facts.errors import TsidError
from tsid.facts.fields import Event
from tsid.facts.messages import load_failures
from tsid.facts.tables import LeftOut, warnings_of
from tsid.hotpath.added_columns import add_columns


def _field(name: str) -> Option:
    return Option(default=getattr(FieldNames(), name), validate=Field())


# Otherwise Splunk extracts only the fields that later commands name.
@Configuration(required_fields=["*"])
class TsidRiskCommand(ChunkCommand, StreamingCommand):  # type: ignore[misc]
    """Adds the ``license_`` fields to rows that describe one device each."""

    success = _field("success")
    blocked = _field("blocked")
    blocks = _field("blocks")
    seen = _field("seen")
    rule = _field("rule")
    policy = _field("policy")
    firewall = _field("firewall")
    advice = _field("advice")
    model = Option(
        default=CLASSIC,
        validate=Word(),
    )
    now = Option(
        validate=Time(),
    )

    def load(self) -> None:
        """Load the clocks and the cures for failures."""
        left_out: list[LeftOut] = []
        clocks = load_clocks(LOOKUPS, left_out)
        failures = load_failures(LOOKUPS, left_out)
        self.warn(warnings_of(left_out))
        if self.model not in clocks:
            raise TsidError(f"model={self.model}: use one of {', '.join(sorted(clocks))}.")
        fields = FieldNames(
            success=self.success,
            blocked=self.blocked,
            blocks=self.blocks,
            seen=self.seen,
            rule=self.rule,
            policy=self.policy,
            firewall=self.firewall,
            advice=self.advice,
        )
        self._assessor = Assessor(clocks, failures, fields, self.model, self.now or time.time())

    def transform(self, body: Iterator[bytes]) -> list[bytes]:
        """Add the fields to each row of a chunk."""
        return add_columns(b"".join(body), LICENSE_FIELDS, self._assess)

    def _assess(self, row: Event) -> Mapping[str, str]:
        return self._assessor.assess(row).fields()


dispatch(TsidRiskCommand, sys.argv, sys.stdin, sys.stdout, __name__)
