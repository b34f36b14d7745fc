"""The search command `tsidrisk`: derives the state of a device's licence from its last success and block."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tsidsplunk import LOOKUPS
from tsidsplunk.command import TsidCommand
from tsidsplunk.options import Field, Time, Word

from splunklib.searchcommands import Configuration, Option, StreamingCommand, dispatch

from tsid.decision.risk import Assessor, FieldNames
from tsid.facts.clocks import CLASSIC, load_clocks
from tsid.facts.errors import TsidError


def _field(name: str) -> Option:
    return Option(default=getattr(FieldNames(), name), validate=Field())


@Configuration()
class TsidRiskCommand(TsidCommand, StreamingCommand):  # type: ignore[misc]
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
        """Load the clocks."""
        clocks = load_clocks(LOOKUPS)
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
        self._assessor = Assessor(clocks, fields, self.model, self.now or time.time())

    def stream(self, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Add the fields to each row."""
        for record in records:
            record.update(self._assessor.assess(record).fields())
            yield record


dispatch(TsidRiskCommand, sys.argv, sys.stdin, sys.stdout, __name__)
