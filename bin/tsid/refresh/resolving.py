"""Asks resolvers for the addresses of hosts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Optional

import dns.exception
import dns.resolver

from tsid.refresh.settings import Resolver, Settings
from tsid.text.addresses import Address, parse_address

#: The record types that are asked for.
KINDS = ("A", "AAAA")

#: An answer with more addresses than this for one name and type is not believed: Cisco's hosts have a few.
MAX_ADDRESSES = 64

_MAX_QUERIES = 32


class DnsAnswer(NamedTuple):
    """The answer of a resolver about a host.

    Attributes:
        host: the name in the question.
        kind: the record type, one of `KINDS`.
        resolver: the name of the resolver.
        addresses: in the answer, after CNAMEs; empty if the host has none.
        ttl: seconds for which the answer is valid; None if it has none.
        problem: why there is no answer; empty if there is one, even one without an address.
    """

    host: str
    kind: str
    resolver: str
    addresses: Sequence[Address]
    ttl: Optional[int]
    problem: str


def resolve_all(hosts: Iterable[str], settings: Settings) -> list[DnsAnswer]:
    """Ask every resolver for every host's IPv4 and IPv6 addresses, several at once.

    The queries use UDP, and TCP for a longer answer. No behavior of a resolver raises an error.
    """
    with ThreadPoolExecutor(_MAX_QUERIES) as pool:
        answers = [
            pool.submit(_resolve, host, kind, of, settings)
            for host in hosts
            for kind in KINDS
            for of in settings.resolvers
        ]
        return [answer.result() for answer in answers]


def _resolve(host: str, kind: str, of: Resolver, settings: Settings) -> DnsAnswer:
    def failed(problem: str) -> DnsAnswer:
        return DnsAnswer(host, kind, of.name, (), None, problem)

    try:
        resolver = dns.resolver.Resolver(configure=of.address is None)
        if of.address is not None:
            resolver.nameservers = [of.address]
            resolver.port = of.port
        resolver.timeout = settings.timeout
        resolver.lifetime = settings.timeout * settings.attempts
        # SERVFAIL is a final answer; asking again would only take time.
        resolver.retry_servfail = False
        found = resolver.resolve(f"{host}.", kind, raise_on_no_answer=False, search=False)
        if found.rrset is None and found.chaining_result.cnames:
            # The end of the chain may have addresses of the other kind only. A resolver that does not say so
            # leaves it open.
            with contextlib.suppress(dns.resolver.NoNameservers):
                found = resolver.resolve(found.canonical_name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return DnsAnswer(host, kind, of.name, (), None, "")
    except dns.resolver.LifetimeTimeout:
        return failed(f"no answer within {settings.timeout * settings.attempts:g} seconds")
    except dns.resolver.NoNameservers as error:
        return failed(_reason_of(error))
    except dns.resolver.NoResolverConfiguration:
        return failed("this machine has no resolver configured")
    except (dns.exception.DNSException, OSError, ValueError) as error:
        return failed(_plain(error))
    if found.rrset is None:
        # A CNAME chain without its end does not prove that there is no address.
        if found.chaining_result.cnames:
            return failed(f"the answer ends with the CNAME {found.canonical_name}, without an address")
        return DnsAnswer(host, kind, of.name, (), None, "")
    if len(found.rrset) > MAX_ADDRESSES:
        return failed(f"{len(found.rrset)} addresses, too many to be believed")
    addresses = {parse_address(record.address) for record in found.rrset}
    known = sorted(address for address in addresses if address is not None)
    return DnsAnswer(host, kind, of.name, known, found.rrset.ttl, "")


def _reason_of(error: dns.resolver.NoNameservers) -> str:
    reasons = dict.fromkeys(_plain(attempt[3]) for attempt in error.kwargs.get("errors", ()))
    return ", ".join(reasons) or "no resolver answered"


def _plain(error: object) -> str:
    if isinstance(error, str):
        return error
    return " ".join(str(error).split()) or type(error).__name__
