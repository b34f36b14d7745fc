"""The scenarios: a maker of destinations for each verdict, and ordinary traffic with its near misses."""

from __future__ import annotations

from typing import Callable

from lab.generator.atlas import Atlas, Site
from lab.generator.destination import (
    ALIASED,
    CANONICAL,
    FILTERED,
    FOREIGN,
    ICMP,
    IMPOSTOR,
    ORDINARY,
    RELAYED,
    TCP,
    UDP,
    UNLISTED,
    UNNAMED,
    UNVERIFIED,
    Destination,
    at_site,
)
from lab.generator.dice import Dice
from lab.generator.names import Spelling, url_of, url_of_address

Maker = Callable[[Atlas, Dice], Destination]

# Addresses for documentation (RFC 5737, RFC 3849), so that no owner is accused of being an impostor.
_DOCUMENTATION_IPV4 = ("198.51.100.", "203.0.113.")

# A certificate's Organisational Unit need not be a hostname; TSID reports it all the same (KB 226091).
_ORGANISATIONAL_UNITS = ("Smart Licensing Operations", "Licensing, Development and Test")
_OTHER_NAMES = (
    "proxy.example.net",
    "www.cisco.com",
    "tls-inspection.example.org",
    "tools.cisco.com.example.net",
)

_SHARE_OF_IPV6 = 0.05
_SHARE_OF_NEAR_MISSES = 0.1
# Of proxies and On-Prem servers.
_SERVER_PORTS = ("8443", "3128", "80", "1443")
_SHARE_OF_OTHER_PORTS = 0.1


def _canonical(atlas: Atlas, dice: Dice) -> Destination:
    site = dice.pick(atlas.sites)
    return at_site(CANONICAL, site, reported=site.host, asked=site.host, url=url_of(site.host, dice))


def _aliased(atlas: Atlas, dice: Dice) -> Destination:
    hosts = {site.host for site in atlas.sites}
    aliases = [(name, host) for name, host in atlas.names if name != host and host in hosts]
    # The first is the KB's own; discovery reports only it where the certificate lists it first.
    alias, host = aliases[int(dice.roll() ** 2 * len(aliases))]
    site = dice.pick([site for site in atlas.sites if site.host == host])
    # The device asks for the canonical host; the alias comes from the certificate.
    return at_site(ALIASED, site, reported=alias, asked=host, url=url_of(alias, dice))


def _unnamed(atlas: Atlas, dice: Dice) -> Destination:
    site = _lone_site(atlas, dice)
    return at_site(UNNAMED, site, url=url_of_address(site.address, dice) if dice.chance(0.3) else None)


def _foreign(atlas: Atlas, dice: Dice) -> Destination:
    site = _lone_site(atlas, dice)
    own = atlas.names_of(site)
    others = [name for name, _ in atlas.names if name not in own]
    reported = dice.pick(dice.pick((_OTHER_NAMES, _ORGANISATIONAL_UNITS, others)))
    return at_site(FOREIGN, site, reported=reported, asked=site.host, url=url_of(reported, dice))


def _unlisted(atlas: Atlas, dice: Dice) -> Destination:
    spot = dice.pick(atlas.cisco)
    return _elsewhere(UNLISTED, atlas, dice, spot.address, spot.network)


def _relayed(atlas: Atlas, dice: Dice) -> Destination:
    spot = dice.pick(atlas.relays)
    return _elsewhere(RELAYED, atlas, dice, spot.address, spot.network)


def _filtered(atlas: Atlas, dice: Dice) -> Destination:
    spot = dice.pick(atlas.sinkholes)
    return _elsewhere(FILTERED, atlas, dice, spot.address, spot.network)


def _impostor(atlas: Atlas, dice: Dice) -> Destination:
    return _elsewhere(IMPOSTOR, atlas, dice, _documentation_address(dice))._replace(host="")


def _unverified(atlas: Atlas, dice: Dice) -> Destination:
    # Forms of addresses that a site masks for privacy.
    masked = [
        f"{'.'.join(site.address.split('.')[:2])}.x.x" for site in atlas.sites if ":" not in site.address
    ]
    return _elsewhere(UNVERIFIED, atlas, dice)._replace(masked=dice.pick(masked or ["x.x.x.x"]))


#: A maker for each verdict of licensing traffic, with its weight.
SCENARIOS: dict[str, tuple[int, Maker]] = {
    CANONICAL: (3, _canonical),
    ALIASED: (3, _aliased),
    UNNAMED: (2, _unnamed),
    FOREIGN: (1, _foreign),
    UNLISTED: (1, _unlisted),
    RELAYED: (1, _relayed),
    UNVERIFIED: (1, _unverified),
    FILTERED: (1, _filtered),
    IMPOSTOR: (1, _impostor),
}

# A ping, a traceroute, HTTP over QUIC and without TLS.
_OTHER_PORTS = ((ICMP, "0"), (UDP, "33434"), (UDP, "443"), (TCP, "80"))


def proving_nothing(to: Destination, dice: Dice) -> Destination:
    """The same licensing endpoint, contacted as licensing does not; a ping has no name."""
    protocol, port = dice.pick(_OTHER_PORTS[2:] if to.named else _OTHER_PORTS)
    url = to.url
    if url and port == "80":
        before = url.before.replace("https:", "http:").replace("HTTPS:", "HTTP:")
        url = Spelling(before, url.host, url.after.replace(":443", ":80"))
    return to._replace(protocol=protocol, port=port, url=url)


# Real neighbours of the licensing addresses: Cisco's web origin, other services, Umbrella's test pages.
_OTHER_CISCO_SERVERS = (
    ("173.37.145.84", "www.cisco.com"),
    ("72.163.4.161", "www.cisco.com"),
    ("2001:420:1101:1::a", "www.cisco.com"),
    ("173.37.145.221", "api.cisco.com"),
    ("173.37.144.208", "sso.cisco.com"),
    ("146.112.59.8", "welcome.opendns.com"),
    ("146.112.59.12", "www.internetbadguys.com"),
)
# Names of Cisco's that a content network serves, from addresses that change.
_CONTENT_NETWORK = (("104.108.99.80", "software.cisco.com"), ("23.49.134.110", "www.cisco.com"))
_LOOK_ALIKES = (
    "tools.cisco.com.example.net",
    "xtools.cisco.com",
    "toos.cisco.co",
    "tools-cisco.com",
    "tools.cisco.com-licensing.example.org",
    "t00ls.cisco.com",
    "cisco.com",
)
# The URL contains the licensing host, but not as its host.
_MENTIONS = (
    ("https://", "www.example.com", "/redirect?to=https://tools.cisco.com/"),
    ("https://", "mirror.example.org", "/tools.cisco.com/toos.cisco.com"),
    ("https://tools.cisco.com@", "login.example.net", "/"),
    ("https://tools.cisco.com:443@", "login.example.net", ":8443/its/service"),
    ("https://", "www.example.com", "#smartreceiver.cisco.com"),
)


def _other_cisco_server(atlas: Atlas, dice: Dice) -> Destination:
    del atlas
    address, host = dice.pick(_OTHER_CISCO_SERVERS)
    return _named("ordinary: another server of Cisco's", address, host, dice)


def _content_network(atlas: Atlas, dice: Dice) -> Destination:
    del atlas
    address, host = dice.pick(_CONTENT_NETWORK)
    return _named("ordinary: Cisco behind a content network", address, host, dice)


def _neighbour(atlas: Atlas, dice: Dice) -> Destination:
    return Destination("ordinary: an endpoint's neighbour", address=dice.pick(atlas.neighbours))


def _look_alike(atlas: Atlas, dice: Dice) -> Destination:
    del atlas
    return _named("ordinary: a look-alike name", _documentation_address(dice), dice.pick(_LOOK_ALIKES), dice)


def _mention(atlas: Atlas, dice: Dice) -> Destination:
    del atlas
    before, host, after = dice.pick(_MENTIONS)
    return Destination(
        "ordinary: a licensing host in another server's URL",
        address=_documentation_address(dice),
        reported=host,
        asked=host,
        url=Spelling(before, host, after),
    )


def _from_an_endpoint(atlas: Atlas, dice: Dice) -> Destination:
    site = dice.pick(atlas.sites)
    inside = "fd00:10::5" if ":" in site.address else "10.0.0.5"
    return Destination("ordinary: an endpoint's address as client", address=inside, source=site.address)


def _dns_query(atlas: Atlas, dice: Dice) -> Destination:
    name, _ = dice.pick(atlas.names)
    return Destination(
        "ordinary: a DNS query for a licensing host",
        address="10.0.0.53",
        protocol=UDP,
        port="53",
        query=name,
    )


def _block_page(atlas: Atlas, dice: Dice) -> Destination:
    page = dice.pick(atlas.sinkholes).address
    return _named("ordinary: a block page for another name", page, "www.example.com", dice)


_NEAR_MISSES: tuple[Maker, ...] = (
    _other_cisco_server,
    _content_network,
    _neighbour,
    _look_alike,
    _mention,
    _from_an_endpoint,
    _dns_query,
    _block_page,
)

_WORDS = ("www", "cdn", "api", "mail", "static", "update", "telemetry", "login", "img", "files")
_DOMAINS = ("example.com", "example.net", "example.org", "shop.example", "news.example", "cloud.example")
_PATHS = ("", "/", "/", "/index.html", "/v1/status", "/assets/app.js?v=3")
_PORTS = ("443", "443", "443", "80", "53", "22", "8443", "123", "389")


def ordinary(atlas: Atlas, dice: Dice) -> Destination:
    """Traffic that is not licensing; one connection in ten is a near miss."""
    if dice.chance(_SHARE_OF_NEAR_MISSES):
        return dice.pick(_NEAR_MISSES)(atlas, dice)
    # 198.18.0.0/15 is for tests (RFC 2544). As in real traffic, a few addresses are frequent.
    number = int(dice.roll() ** 3 * 131072)
    if dice.chance(_SHARE_OF_IPV6):
        address = f"2001:db8:{number % 65535 + 1:x}::{number % 997 + 1:x}"
    else:
        address = f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
    port = _PORTS[number % len(_PORTS)]
    if port not in ("443", "80", "8443") or dice.chance(0.3):
        return Destination(ORDINARY, address=address, port=port)
    host = f"{_WORDS[number % len(_WORDS)]}{number}.{_DOMAINS[number % len(_DOMAINS)]}"
    scheme = "http://" if port == "80" else "https://"
    return Destination(
        ORDINARY,
        address=address,
        port=port,
        reported=host,
        asked=host,
        url=Spelling(scheme, host, dice.pick(_PATHS)),
    )


def _lone_site(atlas: Atlas, dice: Dice) -> Site:
    """An endpoint whose address has a single host."""
    return dice.pick([site for site in atlas.sites if site.alone])


def _elsewhere(scenario: str, atlas: Atlas, dice: Dice, address: str = "", network: str = "") -> Destination:
    """A licensing name, but not at a licensing endpoint: on any port."""
    name, host = dice.pick(atlas.names)
    return Destination(
        scenario,
        scenario,
        address=address,
        port=dice.pick(_SERVER_PORTS) if dice.chance(_SHARE_OF_OTHER_PORTS) else "443",
        reported=name,
        asked=name,
        url=url_of(name, dice),
        host=host,
        network=network,
    )


def _named(scenario: str, address: str, host: str, dice: Dice) -> Destination:
    return Destination(scenario, address=address, reported=host, asked=host, url=url_of(host, dice))


def _documentation_address(dice: Dice) -> str:
    if dice.chance(_SHARE_OF_IPV6 * 4):
        return f"2001:db8:{dice.between(1, 65535):x}::{dice.between(1, 65535):x}"
    return f"{dice.pick(_DOCUMENTATION_IPV4)}{dice.between(1, 254)}"
