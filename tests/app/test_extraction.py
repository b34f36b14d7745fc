"""The app's commands see the fields that they read, though splunkd extracts only what a search asks for."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache

import pytest

from lab.generator import ALL_SHAPES, START, generate
from lab.host.app import copy_app
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from tests.app.examples import labelled_events
from tests.conftest import ROOT
from tsid.text import conf

NOW = START + 3600
_COMMAND = r"\| (?:tsidenrich|tsidmessages|tsidrisk)\b"
# One command of the app, or several that follow each other, with what is before them.
STREAMING = re.compile(rf"(\S+ \S+ \S+ )?({_COMMAND}(?:[^|]*{_COMMAND})*)")


@cache
def splunk(shape: str, heeds_required: bool) -> Splunk:
    made = generate(60, seed=3, licensing_share=0.6, shapes=(shape,), interval=5)
    # The management center's own table has no _time.
    events = [{"_time": str(START), **event, "index": "firewall"} for event, _ in made]
    return Splunk(ROOT, events, NOW, host=InProcessHost, heeds_required=heeds_required)


@cache
def verdicts_of_whole_events(shape: str, arguments: str) -> Counter[str]:
    """What the command answers where nothing is kept from it."""
    rows = splunk(shape, True).run(f"index=firewall | tsidenrich {arguments}")
    return Counter(str(row["tsid_verdict"]) for row in rows if "tsid_verdict" in row)


def verdicts(shape: str, pipe: str, arguments: str, *, heeds_required: bool) -> Counter[str]:
    search = f"index=firewall {pipe} tsidenrich {arguments} | stats count BY tsid_verdict"
    rows = splunk(shape, heeds_required).run(search)
    return Counter({str(row["tsid_verdict"]): int(str(row["count"])) for row in rows})


@pytest.mark.parametrize("shape", ALL_SHAPES)
@pytest.mark.parametrize("arguments", ["", "keep=licensing", "keep=flagged", "raw=true keep=licensing"])
def test_a_summary_of_verdicts_counts_what_whole_events_show(shape: str, arguments: str) -> None:
    whole = verdicts_of_whole_events(shape, arguments)
    assert whole, "the events of this shape show nothing"
    assert verdicts(shape, "|", arguments, heeds_required=True) == whole


@pytest.mark.parametrize("shape", ALL_SHAPES)
@pytest.mark.parametrize("arguments", ["", "keep=licensing"])
def test_fields_star_alone_suffices_where_required_fields_count_for_nothing(
    shape: str, arguments: str
) -> None:
    whole = verdicts_of_whole_events(shape, arguments)
    assert verdicts(shape, "| fields * |", arguments, heeds_required=False) == whole
    # Otherwise the command gets neither address nor name.
    assert verdicts(shape, "|", arguments, heeds_required=False) == Counter()


def shipped_searches() -> dict[str, str]:
    """The macros, saved searches, drilldowns and data sources that use a streaming command of the app."""
    found = {
        f"{file}: {stanza}: {key}": value
        for file in ("macros.conf", "savedsearches.conf")
        for stanza, settings in conf.read(ROOT / "default" / file).items()
        for key, value in settings.items()
        if key != "description"
    }
    for view in (ROOT / "default" / "data" / "ui" / "views").glob("*.xml"):
        definition = re.search(r"<!\[CDATA\[(.*)\]\]>", view.read_text(encoding="utf-8"), re.DOTALL)
        assert definition is not None
        for name, source in json.loads(definition[1])["dataSources"].items():
            found[f"{view.name}: {name}"] = source["options"]["query"]
    return {where: search for where, search in found.items() if STREAMING.search(search)}


def test_every_shipped_search_asks_for_all_fields_before_a_command_of_the_app() -> None:
    searches = shipped_searches()
    assert len(searches) >= 12
    for where, search in searches.items():
        for before, command in STREAMING.findall(search):
            assert before.endswith("| fields * "), f"{where}: {command}"


NAMES = [
    "TSID ledger: backfill",
    # It puts into the ledger what the backfill has left.
    "TSID ledger: last hour",
    "TSID: impostor of a licensing server",
    "TSID: unlisted licensing endpoint",
    "TSID: alias new on a firewall",
    "TSID report: exposure by firewall",
    "TSID report: devices by risk",
]


def test_the_shipped_searches_find_the_same_where_required_fields_count_for_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    events = [{**event, "index": "firewall"} for event, _ in labelled_events()]
    found = []
    for heeds_required in (True, False):
        app = copy_app(ROOT, tmp_path_factory.mktemp("app"))
        splunk = Splunk(app, events, NOW, host=InProcessHost, heeds_required=heeds_required)
        found.append({name: splunk.dispatch(name) for name in NAMES})
        assert splunk.collections["tsid_devices"]
    assert found[0] == found[1]
    assert all(found[0].values()), {name: len(rows) for name, rows in found[0].items()}
