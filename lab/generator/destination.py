"""The server of a connection: the firewall's view of it, and its truth."""

from __future__ import annotations

from typing import NamedTuple, Optional

from lab.generator.atlas import Site
from lab.generator.names import Spelling

CANONICAL = "canonical"
ALIASED = "aliased"
UNNAMED = "unnamed"
FOREIGN = "foreign"
UNLISTED = "unlisted"
RELAYED = "relayed"
UNVERIFIED = "unverified"
FILTERED = "filtered"
IMPOSTOR = "impostor"

#: The protocols above IP.
TCP, UDP, ICMP = "tcp", "udp", "icmp"

#: The verdict on traffic that is not licensing.
ORDINARY = "ordinary"

# The design's table of verdicts, repeated here: the truth must not come from the app.
_CONFIDENCE = {
    CANONICAL: "high",
    ALIASED: "high",
    UNNAMED: "high",
    FOREIGN: "medium",
    UNLISTED: "medium",
    RELAYED: "low",
    UNVERIFIED: "low",
    FILTERED: "high",
    IMPOSTOR: "high",
}


class Destination(NamedTuple):
    """A server that a connection goes to.

    Known to the firewall:

    * ``address``: empty where it is lost; ``masked``: the masked text in its field, if any
    * ``protocol``, one of the constants of this module; ``port``, for ICMP the code
    * ``reported``: the host that certificate or URL name; ``asked``: the one that the client asked for
    * ``url``: the reported host, or an address, as a URL; None if there is none
    * ``source``: the address on the other side, if it is not a device's
    * ``query``: the name that the client asks this DNS server for

    Its truth:

    * ``scenario``: how the connection was made up; ``verdict``: empty for ordinary traffic
    * ``host``: the licensing host, empty for an impostor; ``site``: the licensing endpoint, if it is one
    * ``network``: the row of the lookups that contains the address
    """

    scenario: str
    verdict: str = ""
    address: str = ""
    masked: str = ""
    protocol: str = TCP
    port: str = "443"
    reported: str = ""
    asked: str = ""
    url: Optional[Spelling] = None
    source: str = ""
    query: str = ""
    host: str = ""
    network: str = ""
    site: Optional[Site] = None

    @property
    def service(self) -> str:
        """The endpoint's service."""
        return self.site.service if self.site else ""

    @property
    def confidence(self) -> str:
        """The verdict's confidence; for an unconfirmed endpoint ``medium`` at most."""
        if self.site and not self.site.confirmed:
            return "medium"
        return _CONFIDENCE.get(self.verdict, "")

    @property
    def named(self) -> bool:
        """Whether the firewall knows a name or a URL for it."""
        return bool(self.reported or self.url)

    @property
    def needs_its_name(self) -> bool:
        """Whether several licensing hosts share the address, so that only the name identifies the host."""
        return self.site is not None and not self.site.alone

    @property
    def settles(self) -> bool:
        """Whether the connection can show that licensing works, or that it is blocked.

        At an endpoint only TCP to one of its licensing ports can; where the servers are not known, neither
        are their ports.
        """
        return self.protocol == TCP and (self.site is None or self.port in self.site.ports)

    def without_name(self) -> Destination:
        """The same server in an event that does not contain its name."""
        if self.site is None:
            return self._replace(scenario=ORDINARY, verdict="", url=None, reported="", asked="")
        return self._replace(
            scenario=UNNAMED, verdict=UNNAMED, host=self.site.host, url=None, reported="", asked=""
        )


def at_site(
    scenario: str, site: Site, *, reported: str = "", asked: str = "", url: Optional[Spelling] = None
) -> Destination:
    """A licensing endpoint, under whatever name."""
    return Destination(
        scenario,
        scenario,
        address=site.address,
        reported=reported,
        asked=asked,
        url=url,
        host=site.host,
        network=site.network,
        site=site,
    )
