"""The alerts have the form that Enterprise Security reads, as contentctl writes it for Splunk's own detections.

The tables are facts about contentctl 5.6.2 (PyPI, Apache-2.0): which settings its template
``savedsearches_detections.j2`` writes, and which keys and values its models in ``objects/`` give to their JSON.
``risk_message`` is newer: Enterprise Security 8 reads a message for each entity, and contentctl's successor
(contentctl-ng) writes it there only; earlier versions read ``_risk_message``.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import pytest

from lab.generator import START
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.values import Row, texts
from tsid.text import conf

pytestmark = pytest.mark.spl

ROOT = Path(__file__).resolve().parents[2]
SAVED = conf.read(ROOT / "default" / "savedsearches.conf")
DETECTIONS = {name: found for name, found in SAVED.items() if "action.correlationsearch.enabled" in found}
RISKS = {name: found for name, found in DETECTIONS.items() if found.get("action.risk") == "1"}
FINDINGS = {name: found for name, found in DETECTIONS.items() if found.get("action.notable") == "1"}

#: The settings that the template writes for every detection, for one with risk, and for one with a finding; without
#: action.escu (Splunk's own content), the actions email, slack and sendtophantom, allow_skew and is_visible.
OF_ALL = {
    "description", "search", "disabled", "enableSched", "cron_schedule", "schedule_window", "realtime_schedule",
    "dispatch.earliest_time", "dispatch.latest_time", "counttype", "relation", "quantity", "alert.digest_mode",
    "alert.suppress", "alert.suppress.fields", "alert.suppress.period",
}  # fmt: skip
OF_CORRELATION = {"enabled", "label", "detection_type", "annotations", "metadata"}
OF_RISK = {"", "param._risk", "param._risk_message", "param._risk_score", "param.verbose"}
OF_A_FINDING = {
    "", "param._entities", "param.nes_fields", "param.rule_description", "param.rule_title", "param.security_domain",
    "param.severity", "param.drilldown_searches",
}  # fmt: skip
#: Settings of Splunk's own that the app adds (savedsearches.conf.spec).
OF_SPLUNK = {
    "alert.track", "alert.severity", "request.ui_dispatch_app", "action.email.subject", "action.email.useNSSubject",
    "action.email.message.alert", "action.email.content_type",
}  # fmt: skip
#: Good news is neither a risk nor a finding.
RECOVERED = "TSID: licensing recovered"

#: objects/rba.py: the keys of an entity and of a threat, and their types.
ENTITY = {"risk_object_field": str, "risk_object_type": str, "risk_score": int}
ENTITY_TYPES = {"system", "user", "other"}
THREAT_TYPES = {"ip_address", "domain"}  # of 26, those that the app uses
#: objects/detection_abstract.py.
METADATA = {"detection_id": str, "deprecated": str, "detection_version": str, "publish_time": float}
#: objects/drilldown.py.
DRILLDOWN = {"name": str, "search": str, "earliest_offset": str, "latest_offset": str}
ANNOTATIONS = {"cis20", "kill_chain_phases", "mitre_attack", "nist"}
#: Names under which Enterprise Security looks up an asset (adaptive_response_notable_event, asset_extraction).
ASSETS = {"src", "dest", "dvc", "orig_host"}

#: The bands of scores that the app keeps to.
ANOMALY, FINDING = range(20, 40), range(50, 70)


def types(value: dict[str, Any]) -> dict[str, type]:
    return {key: type(part) for key, part in value.items()}


def fields_of(told: str) -> set[str]:
    return set(re.findall(r"\$(\w+)\$", told))


def test_every_alert_is_a_detection_of_either_kind() -> None:
    assert RISKS.keys() | FINDINGS.keys() == DETECTIONS.keys()
    assert not RISKS.keys() & FINDINGS.keys()
    assert DETECTIONS.keys() | {RECOVERED} == {name for name, found in SAVED.items() if "counttype" in found}


@pytest.mark.parametrize("name", DETECTIONS)
def test_a_detection_has_the_settings_that_contentctl_writes_and_no_others(name: str) -> None:
    expected = OF_ALL | {f"action.correlationsearch.{key}" for key in OF_CORRELATION}
    kind, keys = ("risk", OF_RISK) if name in RISKS else ("notable", OF_A_FINDING)
    expected |= {f"action.{kind}.{key}".rstrip(".") for key in keys}
    assert DETECTIONS[name].keys() - OF_SPLUNK == expected


@pytest.mark.parametrize("name", DETECTIONS)
def test_the_metadata_have_the_keys_and_types_of_contentctls(name: str) -> None:
    metadata = json.loads(DETECTIONS[name]["action.correlationsearch.metadata"])
    assert types(metadata) == METADATA
    assert str(uuid.UUID(metadata["detection_id"])) == metadata["detection_id"]
    assert metadata["deprecated"] == "0"
    assert int(metadata["detection_version"]) >= 1
    published = datetime.fromtimestamp(metadata["publish_time"], timezone.utc)
    # A day, as contentctl writes it.
    assert published.year >= 2026 and published.time() == datetime.min.time()


def test_no_two_detections_have_the_same_id() -> None:
    ids = [
        json.loads(found["action.correlationsearch.metadata"])["detection_id"]
        for found in DETECTIONS.values()
    ]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", DETECTIONS)
def test_annotations_are_lists_under_contentctls_names(name: str) -> None:
    annotations = json.loads(DETECTIONS[name]["action.correlationsearch.annotations"])
    assert annotations and annotations.keys() <= ANNOTATIONS
    assert all(isinstance(part, list) and part for part in annotations.values())


@pytest.mark.parametrize("name", RISKS)
def test_a_risk_has_its_message_in_the_form_of_either_version(name: str) -> None:
    settings = RISKS[name]
    entities = json.loads(settings["action.risk.param._risk"])
    assert entities
    for entity in entities:
        assert types(entity) == {**ENTITY, "risk_message": str}
        assert entity["risk_object_type"] in ENTITY_TYPES
        assert entity["risk_object_field"] in ASSETS
        assert entity["risk_score"] in ANOMALY
        assert entity["risk_message"] == settings["action.risk.param._risk_message"]
    assert settings["action.risk.param._risk_score"] == "0"


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_is_about_one_entity_which_has_a_score(name: str) -> None:
    """One finding is made for each entity, so there must be one only."""
    (entity,) = json.loads(FINDINGS[name]["action.notable.param._entities"])
    assert types(entity) == ENTITY
    assert entity["risk_object_type"] in ENTITY_TYPES
    assert entity["risk_object_field"] in ASSETS
    assert entity["risk_score"] in FINDING
    assert set(FINDINGS[name]["action.notable.param.nes_fields"].split(",")) <= ASSETS


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_has_a_drilldown_to_the_traffic_and_one_to_the_view_of_the_device(name: str) -> None:
    drilldowns = json.loads(FINDINGS[name]["action.notable.param.drilldown_searches"])
    assert all(types(drilldown) == DRILLDOWN for drilldown in drilldowns)
    assert all(len(drilldown["name"]) >= 5 for drilldown in drilldowns)
    assert ["tsidenrich keep" in drilldown["search"] for drilldown in drilldowns] == [True, False]
    assert "| `tsid_view` | table " in drilldowns[1]["search"]


DEVICE, FIREWALL = "10.0.0.1", "fw-1"
BLOCKED = {
    "device": DEVICE, "first_seen": str(START - 90 * 86_400), "last_allowed": str(START - 70 * 86_400),
    "last_blocked": str(START - 3_600), "blocked_since_allowed": "3", "last_rule": "r", "last_firewall": FIREWALL,
}  # fmt: skip


def contact(server: str, name: str) -> Row:
    return {
        "_time": str(START - 3_600), "_raw": f"tools.cisco.com {name}", "index": "i", "host": "fmc",
        "sourcetype": "cisco:sfw:estreamer", "Device": FIREWALL, "ResponderIP": server, "InitiatorIP": DEVICE,
        "url": f"https://{name}/", "AC_RuleAction": "Allow",
    }  # fmt: skip


#: What the device says of its licence, in the ledger.
COMPLAINT: Row = {
    "device_said": "failed",
    "device_said_at": str(START - 60),
    "device_reason": "Communications failure",
}
REJECTED: Row = {
    **BLOCKED, **COMPLAINT, "last_allowed": str(START - 3_600), "last_blocked": str(START - 70 * 86_400),
    "blocked_since_allowed": "0",
}  # fmt: skip
EVENTS = [
    contact("203.0.113.9", "tools.cisco.com"),
    contact("203.0.113.9", "toos.cisco.com"),
    contact("173.36.200.1", "tools.cisco.com"),
]


def found_by(name: str) -> Row:
    """The one result of an alert, over a device in each of these states in turn."""
    found: list[Row] = []
    silent: list[Row] = [{**BLOCKED, "last_allowed": str(START - days * 86_400)} for days in (45, 70, 100)]
    for row in (*silent, {**BLOCKED, **COMPLAINT}, REJECTED):
        splunk = Splunk(ROOT, EVENTS, START, host=InProcessHost)
        splunk.collections["tsid_devices"] = {DEVICE: {**row, "_key": DEVICE}}
        found = found or splunk.dispatch(name)
    (result,) = found
    return result


@pytest.mark.parametrize("name", DETECTIONS)
def test_the_results_have_every_field_that_the_settings_name(name: str) -> None:
    settings, result = DETECTIONS[name], found_by(name)
    told = " ".join(value for key, value in settings.items() if key.startswith("action."))
    named = fields_of(told) | set(re.findall(r'_object_field": "(\w+)"', told))
    named |= set(settings["alert.suppress.fields"].split(","))
    named |= set(settings.get("action.notable.param.nes_fields", "src").split(","))
    assert {field for field in named if not field.startswith("info_")} <= result.keys()
    # A field of this name in a result takes the place of all entities.
    assert not {"risk_object", "risk_object_type", "risk_score", "risk_message"} & result.keys()


@pytest.mark.parametrize("name", DETECTIONS)
def test_the_results_name_device_server_and_firewall_as_assets(name: str) -> None:
    result = found_by(name)
    server: Optional[str] = {
        "TSID: impostor of a licensing server": "203.0.113.9",
        "TSID: unlisted licensing endpoint": "173.36.200.1",
    }.get(name)
    assert (result["src"], result.get("dest"), result["dvc"]) == (DEVICE, server, FIREWALL)
    assert (result["device"], result.get("server")) == (DEVICE, server)


def test_an_impostor_is_a_threat_by_its_address_and_by_each_of_its_names() -> None:
    result = found_by("TSID: impostor of a licensing server")
    threats = dict(zip(texts(result["threat_object"]), texts(result["threat_object_type"])))
    assert threats == {
        "203.0.113.9": "ip_address",
        "tools.cisco.com": "domain",
        "toos.cisco.com": "domain",
    }
    assert set(threats.values()) == THREAT_TYPES
