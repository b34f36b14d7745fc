"""How the actions of firewalls are classed, by the shipped table."""

from __future__ import annotations

from typing import Optional

import pytest

from tsid.facts.actions import clean_action
from tsid.facts.lookups import Lookups


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        (["Allow"], "allowed"),
        (["allowed"], "allowed"),
        (["Trust"], "allowed"),
        (["Fastpath"], "allowed"),
        (["Built"], "allowed"),
        (["permitted"], "allowed"),
        (["est-allowed"], "allowed"),
        (["Block"], "blocked"),
        (["Block with reset"], "blocked"),
        (["<br/>Block with reset"], "blocked"),
        (["<b>Block</b> with <i>reset</i>"], "blocked"),
        (["Interactive Block"], "blocked"),
        (["Interactive Block with reset"], "blocked"),
        (["  BLOCK   WITH  RESET "], "blocked"),
        (["Malware Block"], "blocked"),
        (["blocked"], "blocked"),
        (["Blocked with reset"], "blocked"),
        (["access denied"], "blocked"),
        (["deny inbound"], "blocked"),
        (["Deny"], "blocked"),
        (["denied"], "blocked"),
        (["discarded"], "blocked"),
        (["Monitor"], "unknown"),
        (["Default Action"], "unknown"),
        (["teardown"], "allowed"),
        (["Dropped"], "blocked"),
        (["Prevent"], "blocked"),
        (["Discard"], "blocked"),
        (["Rejected"], "blocked"),
        (["drop"], "blocked"),
        (["reset-server"], "blocked"),
        (["reset both"], "blocked"),
        (["server-rst"], "allowed"),
        (["timeout"], "allowed"),
        (["close"], "allowed"),
        (["TCP_DENIED/403"], "blocked"),
        (["TCP_TUNNEL/200"], "allowed"),
        (["TCP_REFRESH_MODIFIED/200"], "allowed"),
        (["TCP_SWAPFAIL_MISS/200"], "allowed"),
        # The proxy's own answer proves no contact with the server.
        (["TCP_HIT/200"], "unknown"),
        (["TCP_MEM_HIT/200"], "unknown"),
        (["TCP_REFRESH_FAIL_OLD/200"], "unknown"),
        (["NONE/200"], "unknown"),
        (["NONE_NONE/400"], "unknown"),
        # Palo Alto Networks.
        (["sinkhole"], "blocked"),
        (["drop-packet"], "blocked"),
        (["drop ICMP"], "blocked"),
        (["policy-deny"], "blocked"),
        (["random-drop"], "blocked"),
        (["override"], "allowed"),
        (["override-lockout"], "blocked"),
        # Check Point, AWS VPC, Azure Firewall, Windows, Fortinet, Juniper, Suricata, Stormshield.
        (["Accept"], "allowed"),
        (["Reject"], "blocked"),
        (["Ask User"], "blocked"),
        (["ACCEPT"], "allowed"),
        (["REJECT"], "blocked"),
        (["ALLOW"], "allowed"),
        (["DROP"], "blocked"),
        (["passthrough"], "allowed"),
        (["RT_FLOW_SESSION_CREATE"], "allowed"),
        (["RT_FLOW_SESSION_CLOSE"], "allowed"),
        (["RT_FLOW_SESSION_DENY"], "blocked"),
        (["pass"], "allowed"),
        # What these mean is not established: the next field is asked.
        (["Encrypt"], None),
        (["Bypass"], None),
        (["Passed"], None),
        (["terminate"], None),
        (["syncookie-sent"], None),
        (["Would have blocked"], "unknown"),
        (["would block"], "unknown"),
        (["Would Drop"], "unknown"),
        (["Not Blocked"], "unknown"),
        (["would allow"], "unknown"),
        (["flow"], "unknown"),
        (["unblocked"], None),
        (["disallowed"], None),
        (["something new"], None),
        ([], None),
        (["something new", "Allow"], "allowed"),
        (["Allow", "Block"], "blocked"),
        (["Monitor", "Allow"], "allowed"),
    ],
)
def test_action_values_are_classed_by_outcome(
    lookups: Lookups, values: list[str], outcome: Optional[str]
) -> None:
    assert lookups.actions.outcome(values) == outcome


def test_cleaning_strips_markup_and_folds_case() -> None:
    assert clean_action("<br/>Block  with\n reset<x") == "block with reset<x"
