"""Weighs what an event proves: what the firewall did with the connection, and whether the server answered."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence, Set
from typing import NamedTuple, Optional

from tsid.decision.reader import EventReader
from tsid.facts.actions import BLOCKED, UNKNOWN
from tsid.facts.event_kinds import BEGIN, FINISHED, LATE, OWN_ACTION, PART, UNANSWERED
from tsid.facts.lookups import Lookups
from tsid.text.sanitize import for_message

#: The values of the field `tsid_answered`; empty if the event does not show it.
ANSWERED, NOT_ANSWERED, NOT_TOLD = "true", "false", ""

#: A server that sent no more bytes than this has not got beyond the handshake of TCP (the app's own choice).
MAX_HANDSHAKE_BYTES = 300
#: The same for a count of both directions, such as an ASA's: a client's request alone may have so many bytes.
MAX_REQUEST_BYTES = 3_000

# Some systems write a port by its name in IANA's registry.
_PORT_NAMES = {"https": 443, "http": 80, "www": 80}
_MAX_DIGITS = 5
_WORD = re.compile(r"[a-z0-9]+")
# ``https://host:443/path``, ``host:443``.
_URL = re.compile(r"(?:([a-z]+)://)?[^/?#]*?(?::(\d{1,5}))?(?:[/?#]|\Z)")
# From IANA's registry of protocol numbers, as words within a text.
_TCP, _TCP_NUMBER = "tcp", "6"
_OTHER_PROTOCOLS = frozenset(
    ("udp", "icmp", "icmp6", "icmpv6", "igmp", "gre", "esp", "ah", "sctp", "dccp", "ospf", "eigrp", "pim")
)
# Words that name no protocol above IP, or one above TCP.
_ANY_PROTOCOL = frozenset(("ip", "ipv4", "ipv6", "any", "0", "ssl", "tls", "https", "http", "web"))


class Evidence(NamedTuple):
    """What an event proves.

    Attributes:
        outcome: ``allowed``, ``blocked`` or ``unknown``.
        answered: ``true``, ``false``, or empty if the event does not show it.
        conclusion: both as a clause, with what they were concluded from.
    """

    outcome: str
    answered: str
    conclusion: str


class Weigher:
    """Weighs the evidence in one event after the other.

    Args:
        lookups: the tables to decide by.
    """

    def __init__(self, lookups: Lookups) -> None:
        self._actions = lookups.actions
        self._kinds = lookups.event_kinds

    def weigh(self, reader: EventReader, ports: Collection[int], *, swapped: bool) -> Evidence:
        """Weigh the evidence.

        Args:
            reader: reads the event.
            ports: the TCP ports of the endpoint; none if the address is not an endpoint.
            swapped: the event shows the two sides swapped.
        """
        elsewhere = _elsewhere(reader, ports, swapped)
        if elsewhere:
            return Evidence(UNKNOWN, NOT_TOLD, f"it used {elsewhere}, which licensing does not")
        kinds = self._kinds.of_messages(reader.values("message"))
        outcome, word = self._outcome(reader, kinds, swapped)
        answered = self._answered(reader, kinds, swapped)
        if answered == ANSWERED and not swapped and not _told(reader, ports):
            answered = NOT_TOLD
        return Evidence(outcome, answered, _conclusion(outcome, word, answered))

    def told_outcome(self, word: str) -> Optional[str]:
        """Return the outcome that an action's value means; None if it means none."""
        outcome = self._actions.outcome([word])
        return None if outcome == UNKNOWN else outcome

    def _outcome(self, reader: EventReader, kinds: Set[str], swapped: bool) -> tuple[str, str]:
        """Return the outcome and what it was concluded from, if anything: for ``unknown``, as a clause."""
        stranger = ""
        for field, values in reader.each("action"):
            outcome = self._actions.outcome(values)
            if outcome is None:
                stranger = stranger or f"{field} '{for_message(values[0])}' is in no row of tsid_actions.csv"
                continue
            # What happened to a part of it can only prove a block. Strangers may put such a field into an
            # event about the whole connection.
            if field in reader.of_part and (outcome != BLOCKED or (kinds and PART not in kinds)):
                continue
            # A field that an add-on derives may come from the number of the message alone.
            if outcome in values and field in reader.derived and OWN_ACTION in kinds:
                return UNKNOWN, f"only the add-on's {field}, and not the firewall, says that it was {outcome}"
            if outcome == BLOCKED and swapped:
                # An ASA denies only the server's late packets in this direction, never the device's request.
                return UNKNOWN, "only a packet from the server was dropped"
            if outcome == BLOCKED and LATE in kinds and not _opens(reader.values("flags")):
                return UNKNOWN, "only a late packet was dropped"
            word = f"{field}: {for_message(values[0])}"
            return outcome, f"{word} does not show what became of it" if outcome == UNKNOWN else word
        return UNKNOWN, stranger

    def _answered(self, reader: EventReader, kinds: Set[str], swapped: bool) -> str:
        states = self._kinds.of_states([value for _, values in reader.each("state") for value in values])
        if not kinds.isdisjoint((BEGIN, PART, LATE)) or BEGIN in states:
            return NOT_TOLD
        if UNANSWERED in states:
            return NOT_ANSWERED
        # Where the two sides are swapped, these are the device's own bytes.
        received = None if swapped else _count(reader, "responder_bytes")
        if received is not None:
            return ANSWERED if received > MAX_HANDSHAKE_BYTES else NOT_ANSWERED
        total = _count(reader, "total_bytes")
        if total is None:
            return NOT_TOLD
        if total <= MAX_HANDSHAKE_BYTES:
            return NOT_ANSWERED
        return ANSWERED if total > MAX_REQUEST_BYTES or FINISHED in states else NOT_TOLD


def _conclusion(outcome: str, word: str, answered: str) -> str:
    """Return the outcome and the answer as a clause; empty if the event shows nothing."""
    if outcome == BLOCKED:
        return f"the firewall blocked it ({word})"
    if outcome == UNKNOWN:
        return word
    reply = {
        ANSWERED: "and the server answered",
        NOT_ANSWERED: "but the server did not answer",
        NOT_TOLD: "but the event does not show whether the server answered",
    }
    return f"the firewall let it through ({word}), {reply[answered]}"


def _elsewhere(reader: EventReader, ports: Collection[int], swapped: bool) -> str:
    """Return the protocol or the port of a connection that did not use a licensing port; empty if it did."""
    texts = reader.values("source_port" if swapped else "port")
    # A word such as ``HTTPS`` in one field must not hide the protocol in the next.
    protocol = _protocol([value for _, values in reader.each("protocol") for value in values], texts)
    if protocol not in ("", _TCP):
        return f"protocol {protocol}"
    # The port of an unlisted server, such as a site's proxy, is not known.
    other = [text for text in texts if ports and _port(text) not in ports]
    return f"port {for_message(other[0].strip())}" if other else ""


def _told(reader: EventReader, ports: Collection[int]) -> bool:
    """Return whether an event without another port or protocol shows that it was about licensing.

    Without port and protocol it may be a ping or a web page, unless the reported URL shows it.
    """
    if reader.values("port") or reader.values("protocol"):
        return True
    for _, values in reader.each("name"):
        for text in values:
            found = _URL.match(text.strip().lower())
            if found and (found[1] == "https" if found[2] is None else not ports or int(found[2]) in ports):
                return True
    return False


def _protocol(values: Sequence[str], ports: Sequence[str]) -> str:
    """Return the name or the number of the protocol, ``tcp`` for TCP; empty if the event has none.

    Args:
        values: of the protocol's field.
        ports: of the port's field, which FMC shows as ``443 (https) / tcp``.
    """
    for text in (*values, *ports):
        words: list[str] = _WORD.findall(text.lower())
        if _TCP in words:
            return _TCP
        for word in words:
            if word in _OTHER_PROTOCOLS:
                return word
    for text in values:
        word = text.strip().lower()
        if word == _TCP_NUMBER:
            return _TCP
        if word not in _ANY_PROTOCOL:
            return for_message(word)
    return ""


def _port(text: str) -> Optional[int]:
    """Return a port given by its number, maybe with its name: ``443``, ``443 (https) / tcp``, ``https``."""
    for word in _WORD.findall(text.lower()):
        if word.isdecimal():
            return int(word) if len(word) <= _MAX_DIGITS else None
        if word in _PORT_NAMES:
            return _PORT_NAMES[word]
    return None


def _opens(flags: Sequence[str]) -> bool:
    """Return whether a packet with these TCP flags opens a connection."""
    return " ".join(flags).lower().split() == ["syn"]


def _count(reader: EventReader, role: str) -> Optional[float]:
    """Return the first count of bytes in the fields of a role; None if there is none."""
    for _, values in reader.each(role):
        try:
            count = float(values[0])
        except ValueError:
            continue
        if 0 <= count < math.inf:
            return count
    return None
