"""Looks at all licensing hosts: their addresses in DNS, and the certificates of their servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Callable, NamedTuple

from tsid.facts.lookups import Lookups
from tsid.refresh.bounds import Bounds, objection
from tsid.refresh.certificates import Sight, look_all, reported
from tsid.refresh.resolving import DnsAnswer, resolve_all
from tsid.refresh.rows import is_local, single_address
from tsid.refresh.settings import Settings
from tsid.text.addresses import Address
from tsid.text.names import ascii_host


class Survey(NamedTuple):
    """What the resolvers answered and the servers showed.

    Attributes:
        answers: of all resolvers, about the licensing hosts and their members.
        members: the licensing host of each member.
        sights: what an address showed without SNI, and with the SNI of a host; empty without TLS.
        named: the answers about names in certificates that are in no lookup.
    """

    answers: Sequence[DnsAnswer]
    members: Mapping[str, str]
    sights: Mapping[tuple[Address, str], Sight]
    named: Sequence[DnsAnswer]

    def answers_for(self, host: str) -> list[DnsAnswer]:
        """Return the answers about a licensing host itself and its members."""
        return [answer for answer in self.answers if self.members.get(answer.host, answer.host) == host]

    def proves(self, host: str, address: Address) -> bool:
        """Return whether the server at an address has a verified certificate of a host."""
        return any(
            sight is not None and sight.certificate is not None and sight.certificate.is_for(host)
            for sight in (self.sights.get((address, sni)) for sni in ("", host))
        )


def look(lookups: Lookups, bounds: Bounds, settings: Settings, progress: Callable[[str], None]) -> Survey:
    """Ask the resolvers, then look at the servers.

    Args:
        lookups: the rows in force, all layers.
        bounds: which names may be asked for.
        settings: whom to ask, and how long to wait.
        progress: called with a line of text before each step.

    Raises:
        SettingsError: the file of trusted authorities cannot be used.
    """
    # An alias may be a host of its own: tools1.cisco.com is one of the servers behind tools.cisco.com.
    hosts = hosts_of(lookups)
    members = {
        alias.alias: alias.host
        for alias in lookups.aliases.values()
        if ascii_host(alias.alias) and alias.host in hosts
    }
    members.update(settings.members)
    names = sorted(hosts.union(members))
    progress(f"asking {len(settings.resolvers)} resolver(s) for {len(names)} hosts")
    answers = resolve_all(names, settings)
    servers = list(targets(lookups, answers, members)) if settings.tls else []
    if servers:
        progress(f"looking at the certificates of {len({address for address, _ in servers})} servers")
    sights = look_all(servers, settings)
    named = resolve_all(unknown_names(lookups, bounds, sights), settings)
    return Survey(answers, members, {(sight.address, sight.sni): sight for sight in sights}, named)


def hosts_of(lookups: Lookups) -> frozenset[str]:
    """Return the hosts that the refresh looks at: those that are not only in the site's own rows."""
    return frozenset(endpoint.host for _, endpoint in lookups.endpoint_rows if not is_local(endpoint.row))


def targets(
    lookups: Lookups, answers: Iterable[DnsAnswer], members: Mapping[str, str]
) -> Iterator[tuple[Address, str]]:
    """Yield the servers to look at: every address in the answers or the lookups that may be an endpoint.

    Each address comes once without SNI, and once with each host that it may serve.
    """
    found: dict[tuple[Address, str], None] = {}
    for answer in answers:
        for address in answer.addresses:
            found[address, members.get(answer.host, answer.host)] = None
    hosts = hosts_of(lookups)
    for prefix, endpoint in lookups.endpoint_rows:
        single = single_address(prefix)
        if single is not None and endpoint.status != "retired" and endpoint.host in hosts:
            found[single, endpoint.host] = None
    # The refresh does not connect to addresses outside its bounds.
    ours = [(address, host) for address, host in found if objection(lookups, address) is None]
    yield from dict.fromkeys((address, "") for address, _ in ours)
    yield from ours


def unknown_names(lookups: Lookups, bounds: Bounds, sights: Iterable[Sight]) -> list[str]:
    """Return the names of servers that might become aliases."""
    seen = {reported(s.certificate) for s in sights if s.certificate is not None and not s.sni}
    known = lookups.canonical.union(lookups.aliases)
    names = (name for name in seen - known if ascii_host(name) and "*" not in name)
    return sorted(name for name in names if bounds.has_name(name))
