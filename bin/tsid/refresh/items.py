"""The lines of a refresh's report: changes, refusals, failures and notes, and what to do about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tsid.text.sanitize import for_message, printable

# A certificate may have hundreds.
_MAX_NAMES = 20


class Item(NamedTuple):
    """One line of a report.

    Attributes:
        kind: ``change``, ``refusal``, ``failure`` (it could not be checked) or ``note``.
        table: ``endpoints`` or ``aliases``.
        what: the change, or the reason of a refusal, as one word with underscores.
        item: network in CIDR form, alias, or host.
        host: the licensing host.
        reason: one sentence for people.
    """

    kind: str
    table: str
    what: str
    item: str
    host: str
    reason: str


CHANGE, REFUSAL, FAILURE, NOTE = "change", "refusal", "failure", "note"

#: The change of a row whose date alone changes.
SEEN = "seen"

#: What to do about a refusal or a failure.
ADVICE = {
    "not_ciscos": (
        "If Cisco has new networks, add the one to cisco_networks_local.csv; if not, your DNS is filtered or "
        "forged: ask another resolver."
    ),
    "other_use": (
        "A proxy such as Umbrella's may answer instead: ask an unfiltered resolver. If Cisco has "
        "moved there, add the network to cisco_networks_local.csv with learn=yes."
    ),
    "private": (
        "Your DNS answers with an address of your own. If it is your proxy or On-Prem licence server, add it "
        "to cisco_licensing_endpoints_local.csv."
    ),
    "sinkhole": "Your DNS filter blocks this host: allow it there, or ask an unfiltered resolver.",
    "disagreement": (
        "Find out which resolver is right. Answers may differ by place: the next check accepts what all "
        "agree on. An address that you trust belongs in cisco_licensing_endpoints_local.csv."
    ),
    "unverified": (
        "Look for TLS inspection on the way. If it is meant to be there, exempt this host, or give its "
        "authority in ca_bundle."
    ),
    "not_for_host": "Another server answers there: check the DNS answer, and what is on the path.",
    "unseen": (
        "Allow this machine to connect to TCP port 443 of the address, set proxy, or turn tls off to believe "
        "DNS alone."
    ),
    "outside_domain": (
        "If the name is Cisco's, add it to tsid_aliases_local.csv, or its domain to cisco_domains_local.csv."
    ),
    "no_host": "If firewalls report it so, add it to tsid_aliases_local.csv.",
    "elsewhere": (
        "The name has its own server, whose traffic would be mistaken for this host's. If that is right, "
        "add it to tsid_aliases_local.csv."
    ),
    "too_wide": "Do nothing unless events show the name: then allow the network instead of the name.",
    "other_host": "Find out what Cisco has changed; your own row in tsid_aliases_local.csv takes precedence.",
    "too_many": (
        "Check that DNS is right. If Cisco has moved, set the old rows to retired in "
        "cisco_licensing_endpoints_local.csv."
    ),
    "last_one": (
        "Check that DNS is right. If Cisco no longer uses the host, set the row to retired in "
        "cisco_licensing_endpoints_local.csv."
    ),
    "unanswered": "Check that this machine may ask every resolver; what is new counts when all answer.",
    "no_answer": "Check that this machine may ask the resolver (UDP and TCP), or name another one.",
}


class Items:
    """The report of one refresh, in the order of its decisions."""

    def __init__(self) -> None:
        self.found: list[Item] = []

    def add(self, kind: str, table: str, what: str, item: str, host: str, reason: str) -> None:
        """Add a line; texts of strangers in it are made safe to print."""
        text = printable(reason[:1].upper() + reason[1:])
        self.found.append(Item(kind, table, what, for_message(item), host, text))


def list_names(names: Sequence[str]) -> str:
    """Return the names in a certificate as one text of bounded length."""
    more = len(names) - _MAX_NAMES
    return ", ".join(map(for_message, names[:_MAX_NAMES])) + (f" and {more} more" if more > 0 else "")
