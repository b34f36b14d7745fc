"""The views' definitions are valid by Splunk's own schema and by a stricter one; mistakes are reported."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from lab.dashboards.sample import Sample
from lab.dashboards.splunkd import WEB
from lab.dashboards.views import fill, read_view
from lab.spl.table import Table
from tests.dashboards.conftest import VIEWS

Definition = dict[str, Any]


def validate(asked: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    done = subprocess.run(
        [shutil.which("node") or "node", "validate.cjs"],
        cwd=WEB,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: dict[str, list[str]] = json.loads(done.stdout)
    return answers


def fields_of(sample: Sample, definition: Definition) -> dict[str, Any]:
    splunk = sample.splunk
    found: dict[str, Table] = {}
    tokens = {"device": "*", "firewall": "*"}
    for name, source in definition["dataSources"].items():
        search = fill(source["options"]["query"], tokens)
        base = found.get(source["options"].get("extend"))
        found[name] = (
            splunk.table(search, splunk.now - 86_400, splunk.now)
            if base is None
            else splunk.chain(base, search, splunk.now - 86_400, splunk.now)
        )
    return {name: table.columns for name, table in found.items()}


def test_the_views_are_valid(sample: Sample) -> None:
    definitions = {path.stem: read_view(path).definition for path in VIEWS.glob("*.xml")}
    asked = [
        {"name": name, "definition": definition, "fields": fields_of(sample, definition)}
        for name, definition in definitions.items()
    ]
    assert validate(asked) == {"setup": [], "overview": [], "device": [], "health": []}


# Mistakes in the overview, and how to make each.
BREAKAGES: Mapping[str, Callable[[Definition], object]] = {
    "an unknown option of a panel": lambda d: d["visualizations"]["v_fleet"]["options"].update(majorValu="1"),
    "an option of the wrong type": lambda d: d["visualizations"]["v_risk"]["options"].update(count="many"),
    "an option not in its list": lambda d: d["visualizations"]["v_fleet"]["options"].update(
        trendDisplay="per"
    ),
    "an unknown visualization": lambda d: d["visualizations"]["v_risk"].update(type="splunk.tabel"),
    "an unknown key of a panel": lambda d: d["visualizations"]["v_risk"].update(titel="x"),
    "a panel without its search": lambda d: d["visualizations"]["v_risk"]["dataSources"].update(primary="no"),
    "a panel that is in no layout": lambda d: d["layout"]["structure"].pop(),
    "a panel that is nowhere defined": lambda d: d["layout"]["structure"][0].update(item="no"),
    "a panel without a position": lambda d: d["layout"]["structure"][0].pop("position"),
    "a position in words": lambda d: d["layout"]["structure"][0]["position"].update(w="wide"),
    "an unknown option of the layout": lambda d: d["layout"]["options"].update(widht=1),
    "an unknown layout": lambda d: d["layout"].update(type="gird"),
    "a search without a query": lambda d: d["dataSources"]["fleet"]["options"].pop("query"),
    "an unknown option of a search": lambda d: d["dataSources"]["fleet"]["options"].update(refersh="5m"),
    "an unknown kind of search": lambda d: d["dataSources"]["fleet"].update(type="ds.serch"),
    "a chain on nothing": lambda d: d["dataSources"]["risk"]["options"].update(extend="no"),
    "a chain on a chain": lambda d: d["dataSources"]["risk"]["options"].update(extend="states"),
    "a token that no input sets": lambda d: d["dataSources"]["fleet"]["options"].update(query="$nobody$"),
    "an unknown event handler": lambda d: d["visualizations"]["v_risk"]["eventHandlers"][0].update(type="x"),
    "an unknown input": lambda d: d["inputs"]["i_device"].update(type="input.drpdown"),
    "an input that is not shown": lambda d: d["layout"]["globalInputs"].pop(),
    "two inputs for one token": lambda d: d["inputs"]["i_device"]["options"].update(token="firewall"),
    "an unknown part": lambda d: d.update(vizualizations={}),
    "a dynamic option that cannot be read": lambda d: d["visualizations"]["v_fleet"]["options"].update(
        majorValue="> primary |"
    ),
    "an unknown function": lambda d: d["visualizations"]["v_fleet"]["options"].update(
        majorValue="> primary | lastOne()"
    ),
    "an unknown name": lambda d: d["visualizations"]["v_fleet"]["options"].update(
        majorColor="> majorValue | rangeValue(colours)"
    ),
    "a field that the search does not yield": lambda d: d["visualizations"]["v_fleet"]["options"].update(
        majorValue="> primary | seriesByName('deadlin') | lastPoint()"
    ),
}


@pytest.fixture(scope="module")
def answers(sample: Sample) -> dict[str, list[str]]:
    whole = read_view(VIEWS / "overview.xml").definition
    fields, asked = fields_of(sample, whole), []
    for name, spoil in BREAKAGES.items():
        definition = copy.deepcopy(whole)
        spoil(definition)
        asked.append({"name": name, "definition": definition, "fields": fields})
    return validate(asked)


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_mistake_in_a_definition_is_reported(answers: dict[str, list[str]], name: str) -> None:
    assert answers[name]
