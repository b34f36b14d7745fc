"""The templates of reasons and advice."""

from __future__ import annotations

from tsid.decision.verdicts import (
    ALIASED,
    CANONICAL,
    FILTERED,
    FOREIGN,
    IMPOSTOR,
    RELAYED,
    UNLISTED,
    UNNAMED,
    UNVERIFIED,
)

#: Why a verdict was given.
REASON = {
    CANONICAL: (
        "{ip} is in {network} ({file}), an endpoint of {host}, and the firewall reported that name{doubt}."
    ),
    ALIASED: (
        "{ip} is in {network} ({file}), an endpoint of {host}; the firewall reported {observed}, "
        "which {alias_file} lists as an alias of that host{doubt}."
    ),
    UNNAMED: (
        "{ip} is in {network} ({file}), an endpoint of {host}; the firewall reported no name for it{doubt}."
    ),
    FOREIGN: (
        "{ip} is in {network} ({file}), an endpoint of {host}, but the firewall reported {observed}, "
        "which is not a name or alias of that host{doubt}."
    ),
    UNLISTED: (
        "The firewall reported the licensing name {observed}; {ip} is in {network} ({file}), "
        "one of Cisco's own networks ({owner}), but not a listed endpoint."
    ),
    RELAYED: (
        "The firewall reported the licensing name {observed}, but {ip} is in {network} ({file}): {owner}, "
        "where a proxy, an On-Prem server or address translation may stand in for Cisco."
    ),
    UNVERIFIED: (
        "The firewall reported the licensing name {observed}, but the event has no readable "
        "destination address to check it against."
    ),
    FILTERED: (
        "The firewall reported the licensing name {observed}, but {ip} is in {network} ({file}): {owner}, "
        "the address that a DNS filter returns for names that it blocks."
    ),
    IMPOSTOR: (
        "The firewall reported the licensing name {observed}, but {ip} is neither an endpoint of "
        "Cisco licensing nor in one of Cisco's own networks."
    ),
}

#: What a reason adds where the endpoint's row is unconfirmed.
DOUBT = "; the endpoint is unconfirmed"

#: What a reason calls the owner of a network whose row names none.
SOME_OWNER = {RELAYED: "a relay", UNLISTED: "owner not given", FILTERED: "a block page"}

# The two treatments of Cisco KB 226091, and the safer form.
_TREATMENT = (
    "or permit the traffic by URL category or broader domain; safest together with the destination "
    "network {network}, because a name alone can be forged."
)

#: What to do about a connection; verdicts that are missing here ask for nothing.
ADVICE = {
    ALIASED: "Make sure that URL filtering and Security Intelligence allow {observed} too, " + _TREATMENT,
    FOREIGN: (
        "Find out who answers as {observed}: TLS inspection on the path, or a new name in Cisco's "
        "certificate, which you then add to tsid_aliases_local.csv."
    ),
    UNLISTED: (
        "Confirm with an unfiltered DNS resolver that {ip} is an address of {host} (a filter may "
        "return its own block page), then add it to cisco_licensing_endpoints_local.csv."
    ),
    RELAYED: (
        "If {ip} is your own proxy or On-Prem licence server, add it to "
        "cisco_licensing_endpoints_local.csv as an endpoint of {host}; if not, find out what it is."
    ),
    UNVERIFIED: (
        "Find out why the event lacks its destination address: search with raw=true, or check the "
        "add-on's extractions."
    ),
    FILTERED: (
        "Exempt {host} from the DNS filter that the device uses: the filter keeps the device from "
        "licensing, whatever the firewall does."
    ),
    IMPOSTOR: (
        "Do not allow this connection by name: find out what the device connected to, and check that "
        "its DNS answers for {host} are genuine."
    ),
}

#: The same where the firewall blocked the connection and that changes the advice.
ADVICE_IF_BLOCKED = {
    CANONICAL: (
        "Allow {host} at {network}, {ports}: the firewall blocks the traffic that renews the "
        "device's licence."
    ),
    ALIASED: "Allow {observed} in URL filtering and Security Intelligence, " + _TREATMENT,
    UNNAMED: ("Allow {network}, {ports}: the firewall blocks the traffic that renews the device's licence."),
}

#: The same where the firewall let the connection through and the server did not answer, at any endpoint.
ADVICE_IF_UNANSWERED = (
    "The firewall let the connection through, but {ip} did not answer: check the return route, address "
    "translation, and filters or proxies between this firewall and Cisco."
)
