"""The search command `tsidenrich`: names Cisco licensing traffic in firewall events, on the indexers."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterator
from time import perf_counter

from tsidsplunk import LOOKUPS
from tsidsplunk.chunks import ChunkCommand
from tsidsplunk.command import Checked, Choice, Field, Flag, metric

from splunklib.searchcommands import Configuration, Option, StreamingCommand, dispatch

from tsid.decision.enrich import KEEP, KEEP_ALL, Enricher, Options
from tsid.facts.lookups import load_lookups
from tsid.hotpath.chunk_enricher import ChunkEnricher
from tsid.hotpath.prefilter import Prefilter


class Prefix(Checked[str]):
    """Text before a field name."""

    _PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")

    def read(self, text: str) -> str:
        """Read the start of a field name, or an empty text."""
        if text and not self._PATTERN.fullmatch(text):
            raise ValueError(
                "start with a letter, then letters, digits, underscores and dots, 64 characters at most"
            )
        return text


@Configuration(distributed=True)
class TsidEnrichCommand(ChunkCommand, StreamingCommand):  # type: ignore[misc]
    """Adds the ``tsid_`` fields to firewall events, and replaces verified aliases by the true host."""

    ip = Option(
        doc="""
        **Syntax:** **ip=***<field>*
        **Description:** Read the licensing-side address from this field only.""",
        validate=Field(),
    )
    name_field = Option(
        name="name",
        doc="""
        **Syntax:** **name=***<field>*
        **Description:** Read the reported name or URL from this field only.""",
        validate=Field(),
    )
    device = Option(
        doc="""
        **Syntax:** **device=***<field>*
        **Description:** Read the device's address from this field only.""",
        validate=Field(),
    )
    rewrite = Option(
        doc="""
        **Syntax:** **rewrite=***<bool>*
        **Description:** Put the canonical host in the place of a verified alias. Default: true""",
        default=True,
        validate=Flag(),
    )
    keep = Option(
        doc="""
        **Syntax:** **keep=***all|licensing|flagged*
        **Description:** Which events to return. Default: all""",
        default=KEEP_ALL,
        validate=Choice(KEEP),
    )
    raw = Option(
        doc="""
        **Syntax:** **raw=***<bool>*
        **Description:** Read _raw for what an event's fields lack. Default: false""",
        default=False,
        validate=Flag(),
    )
    prefix = Option(
        doc="""
        **Syntax:** **prefix=***<string>*
        **Description:** Put this text in front of the name of every output field.""",
        default="",
        validate=Prefix(),
    )

    def load(self) -> None:
        """Load the lookups, and tell Splunk which fields the command reads."""
        started = perf_counter()
        # The lookups stay until the end, so the garbage collector need not examine them.
        gc.disable()
        lookups = load_lookups(LOOKUPS)
        enricher = Enricher(
            lookups,
            Options(
                ip=self.ip,
                name=self.name_field,
                device=self.device,
                rewrite=self.rewrite,
                keep=self.keep,
                raw=self.raw,
                prefix=self.prefix,
            ),
        )
        self._chunks = ChunkEnricher(enricher, Prefilter(lookups))
        if self.keep == KEEP_ALL:
            # Splunk then sends only these columns. It documents nowhere how it joins an answer with fewer
            # rows than it sent, so a search that drops events gets all columns.
            self.configuration.required_fields = enricher.required_fields
        gc.freeze()
        gc.enable()
        # Chunks create few reference cycles.
        gc.set_threshold(10_000)
        self.write_metric("tsidenrich.lookups", metric(perf_counter() - started, lookups.rows, lookups.rows))

    def transform(self, body: Iterator[bytes]) -> list[bytes]:
        """Enrich one chunk of events."""
        started = perf_counter()
        pieces, counts = self._chunks.enrich(body)
        self.write_metric("tsidenrich.events", metric(perf_counter() - started, counts.seen, counts.returned))
        self.write_metric("tsidenrich.enriched", metric(0, counts.seen, counts.enriched))
        self.write_metric("tsidenrich.rewritten", metric(0, counts.enriched, counts.rewritten))
        return pieces


dispatch(TsidEnrichCommand, sys.argv, sys.stdin, sys.stdout, __name__)
