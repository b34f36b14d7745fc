"""The search command `tsidenrich`: names Cisco licensing traffic in firewall events, on the indexers."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from time import perf_counter

from tsidsplunk import LOOKUPS
from tsidsplunk.chunks import ChunkCommand
from tsidsplunk.options import Choice, Field, FieldPrefix, Flag

from splunklib.searchcommands import Configuration, Option, SearchMetric, StreamingCommand, dispatch

from tsid.decision.enrich import KEEP, KEEP_ALL, Enricher, Options
from tsid.facts.lookups import load_lookups
from tsid.hotpath.chunk_enricher import ChunkEnricher
from tsid.hotpath.prefilter import Prefilter


def _metric(seconds: float, events_in: int, events_out: int) -> SearchMetric:
    """Return an entry for the search inspector: elapsed seconds, one invocation, rows in and out."""
    return SearchMetric(round(seconds, 6), 1, events_in, events_out)


@Configuration(distributed=True)
class TsidEnrichCommand(ChunkCommand, StreamingCommand):  # type: ignore[misc]
    """Adds the ``tsid_`` fields to firewall events, and replaces verified aliases by the true host."""

    ip = Option(
        validate=Field(),
    )
    name_field = Option(
        name="name",
        validate=Field(),
    )
    device = Option(
        validate=Field(),
    )
    rewrite = Option(
        default=True,
        validate=Flag(),
    )
    keep = Option(
        default=KEEP_ALL,
        validate=Choice(KEEP),
    )
    raw = Option(
        default=False,
        validate=Flag(),
    )
    prefix = Option(
        default="",
        validate=FieldPrefix(),
    )

    def load(self) -> None:
        """Load the lookups, and report to Splunk which fields the command reads."""
        started = perf_counter()
        # The lookups stay until the end, so the garbage collector need not examine them.
        gc.disable()
        lookups = load_lookups(LOOKUPS, lenient=True)
        self.warn(lookups.warnings)
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
        # Splunk extracts only the fields that a search asks for, so the command has to name what it reads.
        # With a list Splunk sends only these columns, which is faster. It does not document how it joins an
        # answer with fewer rows than it sent, so a search that drops events gets all columns.
        self.configuration.required_fields = enricher.required_fields if self.keep == KEEP_ALL else ["*"]
        gc.freeze()
        gc.enable()
        # Chunks create few reference cycles.
        gc.set_threshold(10_000)
        self.write_metric("tsidenrich.lookups", _metric(perf_counter() - started, lookups.rows, lookups.rows))

    def transform(self, body: Iterator[bytes]) -> list[bytes]:
        """Enrich one chunk of events."""
        started = perf_counter()
        pieces, counts = self._chunks.enrich(body)
        seconds = perf_counter() - started
        self.write_metric("tsidenrich.events", _metric(seconds, counts.seen, counts.returned))
        self.write_metric("tsidenrich.enriched", _metric(0, counts.seen, counts.enriched))
        self.write_metric("tsidenrich.rewritten", _metric(0, counts.enriched, counts.rewritten))
        return pieces


dispatch(TsidEnrichCommand, sys.argv, sys.stdin, sys.stdout, __name__)
