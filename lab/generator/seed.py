"""The twenty events of Cisco's KB 226091, labelled: each is licensing traffic under its right name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.generator.destination import ALIASED, CANONICAL
from lab.generator.flow import ALLOWED
from lab.generator.truth import LabelledEvent, Truth
from lab.host.events import read_events

_FILE = Path(__file__).resolve().parent.parent / "samples" / "fmc_unified_events_seed.tsv"

_HOST = "tools.cisco.com"
_TRUE_URL = f"https://{_HOST}"


def seed_events(alias: str = "") -> Iterator[LabelledEvent]:
    """Yield the KB's events.

    Args:
        alias: the name to put into the URL, as TLS Server Identity Discovery does; empty: keep the URL.
    """
    verdict = ALIASED if alias else CANONICAL
    for event in read_events([str(_FILE)]):
        device, server = str(event["Source IP"]), str(event["Destination IP"])
        truth = Truth(
            shape="fmc",
            scenario=verdict,
            verdict=verdict,
            host=_HOST,
            observed=alias or _HOST,
            service="smart_call_home",
            ip=server,
            device=device,
            network=f"{server}/32",
            outcome=ALLOWED,
            confidence="high",
            field="URL",
            rewritten=_TRUE_URL,
        )
        yield LabelledEvent({**event, "URL": f"https://{alias}"} if alias else event, truth)
