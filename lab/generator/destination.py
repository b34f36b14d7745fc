"""The server's end of a connection: what the firewall reports of it, and what is true of it."""

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
IMPOSTOR = "impostor"

#: Nothing to do with licensing: the verdict is empty.
ORDINARY = "ordinary"

# The design's table of verdicts, stated here again: the truth must not come from the app.
_CONFIDENCE = {
    CANONICAL: "high",
    ALIASED: "high",
    UNNAMED: "high",
    FOREIGN: "medium",
    UNLISTED: "medium",
    RELAYED: "low",
    UNVERIFIED: "low",
    IMPOSTOR: "high",
}


class Destination(NamedTuple):
    """A server that a connection goes to.

    What the firewall knows of it:

    * ``address``: empty where it is lost; ``masked``: how it then reads where the field has stayed
    * ``port``
    * ``reported``: the host that certificate or URL name; ``asked``: the one that the client asked for
    * ``url``: the reported host, or an address, as a URL; None if there is none
    * ``source``: an address on the other side, in the place of a device
    * ``query``: the name that the client asks this DNS server for

    What is true of it:

    * ``scenario``: how the connection was made up; ``verdict``: empty for ordinary traffic
    * ``host``: the licensing host, empty for an impostor; ``site``: the licensing endpoint, if it is one
    * ``network``: the row of the lookups that contains the address
    """

    scenario: str
    verdict: str = ""
    address: str = ""
    masked: str = ""
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
        """What the endpoint is for."""
        return self.site.service if self.site else ""

    @property
    def confidence(self) -> str:
        """How sure the verdict is; an endpoint that nobody has confirmed makes it ``medium`` at best."""
        if self.site and not self.site.confirmed:
            return "medium"
        return _CONFIDENCE.get(self.verdict, "")

    @property
    def named(self) -> bool:
        """The firewall knows a name for it, or at least a URL."""
        return bool(self.reported or self.url)

    @property
    def needs_its_name(self) -> bool:
        """Several licensing hosts share the address: only the name tells which one it is."""
        return self.site is not None and not self.site.alone

    def without_name(self) -> Destination:
        """What is true of the same server where the event does not carry its name."""
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
