"""The search command `tsidrisk`: tells the state of each device's licence from what was last seen of it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tsidsplunk import LOOKUPS
from tsidsplunk.command import Checked, Field, TsidCommand

from splunklib.searchcommands import Configuration, Option, StreamingCommand, dispatch

from tsid.decision.risk import Assessor, FieldNames
from tsid.facts.clocks import CLASSIC, load_clocks
from tsid.facts.errors import TsidError


class Time(Checked[float]):
    """A time in epoch seconds."""

    def read(self, text: str) -> float:
        """Read a time."""
        try:
            moment = float(text)
        except ValueError:
            moment = math.nan
        if not 0 < moment < math.inf:
            raise ValueError("give a time in epoch seconds, as now() yields it")
        return moment


class Word(Checked[str]):
    """A word, in lower case."""

    def read(self, text: str) -> str:
        """Read a word."""
        return text.strip().lower()


def _field(name: str, meaning: str) -> Any:
    default = getattr(FieldNames(), name)
    doc = f"""
        **Syntax:** **{name}=***<field>*
        **Description:** {meaning} Default: {default}"""
    return Option(doc=doc, default=default, validate=Field())


@Configuration()
class TsidRiskCommand(TsidCommand, StreamingCommand):  # type: ignore[misc]
    """Adds the ``license_`` fields to rows of one device each."""

    success = _field("success", "The field with the time of the last success.")
    blocked = _field("blocked", "The field with the time of the last block.")
    blocks = _field("blocks", "The field with how often it was blocked since the last success.")
    seen = _field("seen", "The field with the time when the device was first seen.")
    rule = _field("rule", "The field with the rule that blocked last.")
    policy = _field("policy", "The field with the policy of that rule.")
    firewall = _field("firewall", "The field with the firewall that blocked last.")
    advice = _field("advice", "The field with what tsidenrich advised then.")
    model = Option(
        doc="""
        **Syntax:** **model=***<string>*
        **Description:** The licensing model of rows whose field model is empty. Default: classic""",
        default=CLASSIC,
        validate=Word(),
    )
    now = Option(
        doc="""
        **Syntax:** **now=***<epoch>*
        **Description:** The time to assess at. Default: now""",
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
