"""Asks resolvers for the addresses of hosts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Optional

import dns.exception
import dns.resolver

from tsid.refresh.settings import Resolver, Settings
from tsid.text.addresses import Address, parse_address

#: The record types that are asked for.
KINDS = ("A", "AAAA")

#: More addresses than this for one name and type are not believed: Cisco's hosts have a few.
MOST_ADDRESSES = 64

_AT_ONCE = 32


class Answer(NamedTuple):
    """What a resolver said about a host.

    Attributes:
        host: the name asked for.
        kind: the record type, one of `KINDS`.
        resolver: the name of the resolver.
        addresses: in its answer, CNAMEs followed; empty too if there are none.
        ttl: seconds for which the answer holds; None without one.
        problem: why there is no answer; empty if there is one, be it that the host has no such address.
    """

    host: str
    kind: str
    resolver: str
    addresses: Sequence[Address]
    ttl: Optional[int]
    problem: str


def resolve_all(hosts: Iterable[str], settings: Settings) -> list[Answer]:
    """Ask every resolver for every host's IPv4 and IPv6 addresses, several at once.

    Over UDP, and over TCP where the answer is too long for it. Nothing that a resolver does raises an error.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = [
            pool.submit(_resolve, host, kind, of, settings)
            for host in hosts
            for kind in KINDS
            for of in settings.resolvers
        ]
        return [answer.result() for answer in answers]


def _resolve(host: str, kind: str, of: Resolver, settings: Settings) -> Answer:
    def failed(problem: str) -> Answer:
        return Answer(host, kind, of.name, (), None, problem)

    try:
        resolver = dns.resolver.Resolver(configure=of.address is None)
        if of.address is not None:
            resolver.nameservers = [of.address]
            resolver.port = of.port
        resolver.timeout = settings.timeout
        resolver.lifetime = settings.timeout * settings.attempts
        # One that fails is a resolver without an answer; asking again would only take the time.
        resolver.retry_servfail = False
        found = resolver.resolve(f"{host}.", kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return Answer(host, kind, of.name, (), None, "")
    except dns.resolver.LifetimeTimeout:
        return failed(f"no answer within {settings.timeout * settings.attempts:g} seconds")
    except dns.resolver.NoNameservers as error:
        return failed(_reason_of(error))
    except dns.resolver.NoResolverConfiguration:
        return failed("this machine has no resolver configured")
    except (dns.exception.DNSException, OSError, ValueError) as error:
        return failed(_plain(error))
    if found.rrset is None:
        # A chain of CNAMEs whose end the answer lacks is no proof that there is no address.
        if found.chaining_result.cnames:
            return failed(f"the answer ends with the CNAME {found.canonical_name}, without an address")
        return Answer(host, kind, of.name, (), None, "")
    if len(found.rrset) > MOST_ADDRESSES:
        return failed(f"{len(found.rrset)} addresses, more than are believed")
    addresses = {parse_address(record.address) for record in found.rrset}
    known = sorted(address for address in addresses if address is not None)
    return Answer(host, kind, of.name, known, found.rrset.ttl, "")


def _reason_of(error: dns.resolver.NoNameservers) -> str:
    reasons = dict.fromkeys(_plain(attempt[3]) for attempt in error.kwargs.get("errors", ()))
    return ", ".join(reasons) or "no resolver answered"


def _plain(error: object) -> str:
    if isinstance(error, str):
        return error
    return " ".join(str(error).split()) or type(error).__name__
