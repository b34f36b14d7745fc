"""The refresh against real resolvers, servers and proxies on loopback."""

from __future__ import annotations

import csv
import datetime
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

import dns.flags
import dns.message
import pytest
import trustme

from lab.errors import SearchFailed
from lab.host.host import CommandHost
from lab.host.in_process import InProcessHost
from lab.host.search import Result
from lab.internet.cisco import TOOLS, Site, addresses_in, internet, records_of, servers_of
from lab.internet.nameserver import LOOPBACK, free_port, has_nsd, nameserver
from lab.internet.servers import issue, silent_server, write_authority
from lab.spl.engine import Splunk
from lab.spl.syntax import expand
from lab.spl.table import Table
from tsid.facts.lookups import load_lookups
from tsid.refresh.items import ADVICE
from tsid.refresh.publish import FILES, contents, publish
from tsid.refresh.resolving import resolve_all
from tsid.refresh.run import refresh, today
from tsid.refresh.script import main
from tsid.refresh.settings import Settings, load_settings
from tsid.refresh.survey import Survey, look
from tsid.text import conf

# In CI it is an error that it is missing.
pytestmark = pytest.mark.skipif(
    not os.environ.get("CI") and not has_nsd(), reason="the DNS server NSD is missing: apt install nsd"
)

ROOT = Path(__file__).resolve().parents[2]
HOST = "tools.cisco.com"
MINE, MOVED = "72.163.4.38", "173.37.145.9"

Item = tuple[str, str, str]
Servers = dict[str, Any]


class World(NamedTuple):
    """What a case starts from, all of it in order."""

    app: Path
    bundle: Path
    addresses: Mapping[str, Sequence[str]]
    servers: Mapping[str, ssl.SSLContext]
    authority: trustme.CA

    @property
    def lookups(self) -> Path:
        return self.app / "lookups"

    def settings(self, **given: str) -> Settings:
        return load_settings(
            self.app, {"ca_bundle": str(self.bundle), "timeout": "10", "attempts": "1", **given}
        )

    def records(self, **changed: Sequence[str]) -> list[str]:
        """Return the zone; the keyword is a host's first label."""
        return records_of({**self.addresses, **{f"{label}.cisco.com": changed[label] for label in changed}})


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return an app whose lookups have been refreshed in a world where all is well."""
    folder = tmp_path_factory.mktemp("fresh")
    for name in ("lookups", "default"):
        shutil.copytree(ROOT / name, folder / "app" / name)
    authority = trustme.CA()
    addresses = addresses_in(load_lookups(folder / "app" / "lookups"))
    servers = servers_of(addresses, authority)
    bundle = write_authority(authority, folder / "authority.pem")
    world = World(folder / "app", bundle, addresses, servers, authority)
    with internet(folder / "dns", world.records(), world.servers) as site:
        found = refresh(world.lookups, world.settings(resolvers=site.resolver, proxy=site.proxy), today())
        publish(world.lookups, contents(found.plan))
    return world


@pytest.fixture
def world(fresh: World, tmp_path: Path) -> World:
    """Return a copy of it for one test."""
    shutil.copytree(fresh.app, tmp_path / "app")
    return fresh._replace(app=tmp_path / "app")


@pytest.fixture
def surveyed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each run of the script in a test what the first one saw of the world."""
    seen: list[Survey] = []

    def look_once(*arguments: Any) -> Survey:
        if not seen:
            seen.append(look(*arguments))
        return seen[0]

    monkeypatch.setattr("tsid.refresh.run.look", look_once)


def tables(world: World) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in world.lookups.glob("*.csv*")}


def run(
    world: World, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any]]:
    """Run the script; return its exit status and its output for machines."""
    status = main(world.app, ["--json", "--ca-bundle", str(world.bundle), *arguments])
    return status, json.loads(capsys.readouterr().out)


def items(told: Mapping[str, Any], *kinds: str) -> set[Item]:
    return {(item["kind"], item["what"], item["item"]) for item in told["items"] if item["kind"] in kinds}


def test_a_second_refresh_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = tables(world)
    with internet(world.app.parent / "dns", world.records(), world.servers) as site:
        given = ["--resolver", site.resolver, "--proxy", site.proxy]
        for mode in ("--check", "--diff", "--write"):
            status, told = run(world, [mode, *given], capsys)
            assert (status, items(told, "change", "refusal", "failure"), told["written"]) == (0, set(), [])
    assert tables(world) == before
    rows = load_lookups(world.lookups).endpoint_rows
    assert {endpoint.status for _, endpoint in rows} == {"active"}


def test_the_report_as_json_and_as_text_is_complete(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    servers = {**world.servers, MOVED: issue(world.authority, ["tool.cisco.com", HOST])}
    with internet(world.app.parent / "dns", world.records(tools=[*ALL, MOVED]), servers) as site:
        given = ["--ca-bundle", str(world.bundle), "--resolver", site.resolver, "--proxy", site.proxy]
        status, told = run(world, ["--check", *given[2:]], capsys)
        assert main(world.app, ["--write", *given]) == 0
        first = capsys.readouterr().out
        assert main(world.app, ["--write", *given]) == 0
        second = capsys.readouterr().out
    assert list(told) == ["exit_status", "written", "items", "answers", "servers"]
    assert (told["exit_status"], told["written"]) == (status, []) == (1, [])
    assert all(item["advice"] == ADVICE.get(item["what"], "") for item in told["items"])
    (answer,) = [one for one in told["answers"] if one["host"] == HOST and one["kind"] == "A"]
    assert MOVED in answer["addresses"]
    seen = {(one["address"], one["sni"]): one for one in told["servers"]}
    assert seen[MOVED, ""]["reported"] == "tool.cisco.com"
    assert seen[MOVED, HOST]["alternatives"] == ["tool.cisco.com", HOST]
    assert seen[MOVED, ""]["problem"] == ""
    assert first.endswith(f"\nWritten: lookups/{FILES[0]} and lookups/{FILES[1]}.\n")
    assert second.endswith("\n\nNothing was written.\n")
    assert "Changes" not in second


class Case(NamedTuple):
    """A world in which one thing differs, and what a refresh has to make of it."""

    tools: Sequence[str]
    servers: Callable[[World], Servers]
    status: int
    items: set[Item]
    arguments: Sequence[str] = ()
    others: Sequence[str] = ()


def same(_: World) -> Servers:
    return {}


def gone(*addresses: str) -> Callable[[World], Servers]:
    return lambda _: dict.fromkeys(addresses)


def at(address: str, *names: str, gone: str = "", **options: Any) -> Callable[[World], Servers]:
    return lambda world: {address: issue(world.authority, names or TOOLS, **options), gone: None}


def by_stranger(address: str) -> Callable[[World], Servers]:
    return lambda _: {address: issue(trustme.CA(), TOOLS)}


V4 = [MINE, "173.37.145.8"]
V6 = ["2001:420:1101:5::a", "2001:420:1201:5::a"]
ALL = [*V4, *V6]
OLD = V4[1]
MISSED = ("change", "missed", f"{OLD}/32")

CASES = {
    "an address moves": Case(
        [MINE, MOVED, *V6], at(MOVED, gone=OLD), 1, {MISSED, ("change", "new", f"{MOVED}/32")}
    ),
    "it moves to a server with TLS 1.2 only": Case(
        [MINE, MOVED, *V6],
        at(MOVED, gone=OLD, newest=ssl.TLSVersion.TLSv1_2),
        1,
        {MISSED, ("change", "new", f"{MOVED}/32")},
    ),
    "it moves outside of Cisco's networks": Case(
        [*ALL, "192.0.2.66"], at("192.0.2.66"), 2, {("refusal", "not_ciscos", "192.0.2.66/32")}
    ),
    "a private address": Case([*ALL, "10.1.2.3"], at("10.1.2.3"), 2, {("refusal", "private", "10.1.2.3/32")}),
    "a sinkhole and nothing else": Case(
        ["146.112.61.104"], same, 2, {("refusal", "sinkhole", "146.112.61.104/32")}
    ),
    "IPv6 outside": Case(
        [*ALL, "2001:db8::66"], at("2001:db8::66"), 2, {("refusal", "not_ciscos", "2001:db8::66/128")}
    ),
    "a new server that cannot be reached": Case(
        [*ALL, MOVED], same, 3, {("failure", "unseen", f"{MOVED}/32")}
    ),
    "the same without TLS": Case([*ALL, MOVED], same, 1, {("change", "new", f"{MOVED}/32")}, ["--no-tls"]),
    "a new server of a stranger": Case(
        [*ALL, MOVED], by_stranger(MOVED), 2, {("refusal", "unverified", f"{MOVED}/32")}
    ),
    "an expired certificate on a known server": Case(
        ALL, at(MINE, expired=True), 2, {("refusal", "unverified", f"{MINE}/32")}
    ),
    "the certificate of another host": Case(
        [*ALL, MOVED], at(MOVED, "www.cisco.com"), 2, {("refusal", "not_for_host", f"{MOVED}/32")}
    ),
    "DNS names half of them, but the others prove themselves": Case([MINE, V6[0]], same, 0, set()),
    "IPv6 only": Case(V6, gone(*V4), 1, {("change", "missed", f"{MINE}/32"), MISSED}),
    "a first name that is new": Case(
        ALL, at(MINE, "tool.cisco.com", HOST), 1, {("change", "new", "tool.cisco.com")}
    ),
    "a common name that is new": Case(
        ALL, at(MINE, *TOOLS, common_name="tool.cisco.com"), 1, {("change", "new", "tool.cisco.com")}
    ),
    "a common name that is not a hostname": Case(
        ALL, at(MINE, *TOOLS, common_name="tool s.cisco.com"), 2, {("refusal", "no_host", "tool s.cisco.com")}
    ),
    "a common name in capital letters": Case(
        ALL, at(MINE, *TOOLS, common_name="TOOL.Cisco.com"), 1, {("change", "new", "tool.cisco.com")}
    ),
    "the common name is the host": Case(ALL, at(MINE, *TOOLS, common_name=HOST), 0, set()),
    "a name outside of Cisco's domain": Case(
        ALL,
        at(MINE, "tools.cisco.com.example.net", HOST),
        2,
        {("refusal", "outside_domain", "tools.cisco.com.example.net")},
    ),
    "a domain that only ends like Cisco's": Case(
        ALL, at(MINE, "notcisco.com", HOST), 2, {("refusal", "outside_domain", "notcisco.com")}
    ),
    "a name that has a server of its own": Case(
        ALL,
        at(MINE, "elsewhere.cisco.com", HOST),
        2,
        {("refusal", "elsewhere", "elsewhere.cisco.com")},
        others=["elsewhere.cisco.com. IN A 192.0.2.80"],
    ),
    "a name that DNS has at the same server": Case(
        ALL,
        at(MINE, "tool.cisco.com", HOST),
        1,
        {("change", "new", "tool.cisco.com")},
        others=[f"tool.cisco.com. IN A {MINE}"],
    ),
    "the name of two hosts": Case(
        ALL,
        lambda world: {
            MINE: issue(world.authority, ["licences.cisco.com", HOST]),
            "146.112.59.25": issue(world.authority, ["licences.cisco.com", "swapi.cisco.com"]),
        },
        2,
        {("change", "new", "licences.cisco.com"), ("refusal", "other_host", "licences.cisco.com")},
    ),
    "a wildcard is not an alias": Case(ALL, at(MINE, "*.cisco.com", HOST), 0, set()),
    "a certificate for a wildcard is one for the host": Case(
        [*ALL, MOVED], at(MOVED, "*.cisco.com"), 1, {("change", "new", f"{MOVED}/32")}
    ),
    "a wildcard holds for one label only": Case(
        [*ALL, MOVED], at(MOVED, "*.com"), 2, {("refusal", "not_for_host", f"{MOVED}/32")}
    ),
    "all addresses at once": Case(
        [f"72.163.9.{last}" for last in range(1, 64)],
        same,
        1,
        {("change", "new", f"72.163.9.{last}/32") for last in range(1, 64)}
        | {("change", "missed", f"{address}/{32 if '.' in address else 128}") for address in ALL},
        ["--no-tls"],
    ),
    "more addresses than are believed": Case(
        [f"72.163.9.{last}" for last in range(1, 200)], same, 3, {("failure", "no_answer", HOST)}
    ),
}


@pytest.mark.usefixtures("surveyed_once")
@pytest.mark.parametrize("name", CASES)
def test_one_difference_in_the_world_has_exactly_its_effect(
    world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    before = load_lookups(world.lookups)
    servers = {**world.servers, **case.servers(world)}
    reached = {address: server for address, server in servers.items() if server is not None}
    zone = [*world.records(tools=case.tools), *case.others]
    with internet(world.app.parent / "dns", zone, reached) as site:
        given = [*case.arguments, "--resolver", site.resolver, "--proxy", site.proxy]
        status, told = run(world, ["--check", *given], capsys)
        assert items(told, "change", "refusal", "failure") == case.items
        assert status == case.status
        run(world, ["--write", *given], capsys)
    after = load_lookups(world.lookups)
    refused = {item for kind, _, item in case.items if kind != "change"}
    new = {item for kind, what, item in case.items if (kind, what) == ("change", "new")}
    networks = {endpoint.network for _, endpoint in after.endpoint_rows}
    # What is refused or could not be checked is as it was; what is new is there.
    assert networks - {endpoint.network for _, endpoint in before.endpoint_rows} == new - set(after.aliases)
    assert set(after.aliases) - set(before.aliases) == new - networks
    assert not (networks - {endpoint.network for _, endpoint in before.endpoint_rows}) & refused


class TestResolvers:
    """Several resolvers, and what may be wrong with one."""

    @staticmethod
    def ask(world: World, *zones: Sequence[str], given: Sequence[str] = (), capsys: Any) -> Any:
        """Refresh by a resolver for each of the zones, and by others given as host:port."""
        with ExitStack() as running:
            site = running.enter_context(internet(world.app.parent / "dns", world.records(), world.servers))
            ports = [
                running.enter_context(nameserver(world.app.parent / f"dns{number}", {"cisco.com": zone}))
                for number, zone in enumerate(zones)
            ]
            resolvers = [*(f"{LOOPBACK}:{port}" for port in ports), *given]
            arguments = [part for resolver in resolvers for part in ("--resolver", resolver)]
            return run(world, ["--write", "--proxy", site.proxy, *arguments], capsys)

    def test_an_address_that_one_resolver_alone_returns_is_refused(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # A true server of Cisco's, but not what the other one says.
        before = tables(world)
        lie = world.records(tools=[*ALL, MOVED])
        status, told = self.ask(world, world.records(), lie, capsys=capsys)
        assert items(told, "change", "refusal", "failure") == {("refusal", "disagreement", f"{MOVED}/32")}
        assert status == 2
        assert tables(world) == before

    def test_addresses_outside_the_bounds_are_refused_even_if_all_resolvers_agree(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = tables(world)
        lie = world.records(tools=["146.112.61.104"], swapi=["203.0.113.5"])
        status, told = self.ask(world, lie, lie, capsys=capsys)
        assert items(told, "change", "refusal", "failure") == {
            ("refusal", "sinkhole", "146.112.61.104/32"),
            ("refusal", "not_ciscos", "203.0.113.5/32"),
        }
        assert status == 2
        assert tables(world) == before

    def test_nxdomain_from_one_resolver_changes_nothing(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = tables(world)
        status, told = self.ask(world, world.records(), [], capsys=capsys)
        assert (status, items(told, "change", "refusal", "failure")) == (0, set())
        assert tables(world) == before

    def test_a_silent_resolver_beside_a_good_one_is_only_noted(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        short(world)
        with socket.socket(type=socket.SOCK_DGRAM) as silent:
            silent.bind((LOOPBACK, 0))
            resolver = f"{LOOPBACK}:{silent.getsockname()[1]}"
            status, told = self.ask(world, world.records(), given=[resolver], capsys=capsys)
        assert (status, items(told, "change", "refusal", "failure")) == (0, set())
        assert ("note", "no_answer", HOST) in items(told, "note")
        assert "no answer within 1 seconds" in str(told["items"])

    def test_a_resolver_without_any_address_changes_nothing(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = tables(world)
        status, told = self.ask(world, [], capsys=capsys)
        assert (status, items(told, "change", "refusal", "failure")) == (3, set())
        assert tables(world) == before

    @pytest.mark.parametrize("mode", ["--check", "--diff", "--write"])
    def test_without_a_network_nothing_changes(
        self, world: World, mode: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        short(world)
        before = tables(world)
        status = main(world.app, [mode, "--resolver", f"{LOOPBACK}:{free_port()}"])
        assert status == 3
        if mode != "--check":
            assert "Nothing could be checked" in capsys.readouterr().out
        assert tables(world) == before


def short(world: World) -> None:
    """Let nobody wait for long."""
    (world.app / "local").mkdir()
    (world.app / "local" / "tsidrefresh.conf").write_text(
        "[refresh]\ntimeout = 1\nattempts = 1\n", encoding="ascii"
    )


@pytest.mark.parametrize(
    ("zone", "addresses", "problem"),
    [
        pytest.param(["tools IN A 72.163.4.38"], [MINE], "", id="plain"),
        pytest.param(["tools IN CNAME e1", "e1 IN CNAME e2", "e2 IN A 72.163.4.38"], [MINE], "", id="CNAMEs"),
        pytest.param(["tools IN TXT text"], [], "", id="no address"),
        pytest.param([], [], "", id="NXDOMAIN"),
        pytest.param(["tools IN CNAME e1", "e1 IN CNAME tools"], [], "CNAME", id="CNAME loop"),
        pytest.param(["tools IN CNAME elsewhere.example.net."], [], "CNAME", id="CNAME to nowhere"),
        pytest.param(None, [], "SERVFAIL", id="SERVFAIL"),
        pytest.param(
            [f"tools IN A 72.163.9.{last}" for last in range(1, 61)],
            [f"72.163.9.{last}" for last in range(1, 61)],
            "",
            id="truncated",
        ),
        pytest.param(
            [f"tools IN A 72.{second}.9.{last}" for second in range(160, 170) for last in range(1, 201)],
            [],
            "2000 addresses, too many to be believed",
            id="huge",
        ),
    ],
)
def test_an_answer_has_the_addresses_behind_cnames_or_a_problem(
    world: World, zone: Optional[Sequence[str]], addresses: Sequence[str], problem: str
) -> None:
    zones = {} if zone is None else {"cisco.com": zone}
    broken = ["cisco.com"] if zone is None else []
    with nameserver(world.app.parent / "dns", zones, broken=broken, ttl=77) as port:
        settings = world.settings(resolvers=f"{LOOPBACK}:{port}")
        (answer, other) = resolve_all([HOST], settings)
    assert {str(address) for address in answer.addresses} == set(addresses)
    assert problem in answer.problem
    assert bool(problem) == bool(answer.problem)
    assert answer.ttl == (77 if addresses else None)
    assert (other.kind, other.addresses) == ("AAAA", ())
    # A CNAME to a host with IPv4 addresses only is a complete answer about IPv6.
    assert bool(other.problem) == bool(problem and "addresses" not in problem)


def test_a_resolver_that_drips_over_tcp_is_given_up_in_time(world: World) -> None:
    """It asks for TCP, and then sends a byte now and then of an answer that never ends."""
    over = threading.Event()
    with silent_server(b"\x40\x00") as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.bind((LOOPBACK, port))
        plain.settimeout(0.1)

        def truncate() -> None:
            while not over.is_set():
                with suppress(TimeoutError, socket.timeout):
                    query, asker = plain.recvfrom(4096)
                    answer = dns.message.make_response(dns.message.from_wire(query))
                    answer.flags |= dns.flags.TC
                    plain.sendto(answer.to_wire(), asker)

        thread = threading.Thread(target=truncate)
        thread.start()
        try:
            started = time.monotonic()
            answers = resolve_all(
                [HOST], world.settings(resolvers=f"{LOOPBACK}:{port}", timeout="1", attempts="1")
            )
            lasted = time.monotonic() - started
        finally:
            over.set()
            thread.join()
    assert [answer.problem for answer in answers] == ["no answer within 1 seconds"] * 2
    # Room for a busy machine.
    assert lasted < 8


def test_a_bundle_that_is_not_valid_pem_is_refused_with_a_cure(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = world.app / "bundle.pem"
    bundle.write_text("nothing", encoding="ascii")
    with nameserver(world.app.parent / "dns", {"cisco.com": world.records()}) as port:
        assert main(world.app, ["--ca-bundle", str(bundle), "--resolver", f"{LOOPBACK}:{port}"]) == 4
    assert "Give a file of certificates in PEM form" in capsys.readouterr().err


DAY_ONE = datetime.date(2027, 1, 1)


def days(
    world: World, numbers: Sequence[int], zone: Sequence[str], *, others: str = "", **given: str
) -> list[set[Item]]:
    """Refresh and write on some days, counted from the first; return what was found on each.

    A resolver with the zone is asked, and the others, if there are any.
    """
    found = []
    with nameserver(
        world.app.parent / f"dns{len(list(world.app.parent.iterdir()))}", {"cisco.com": zone}
    ) as port:
        settings = world.settings(resolvers=f"{LOOPBACK}:{port}, {others}", tls="false", **given)
        for number in numbers:
            plan = refresh(world.lookups, settings, DAY_ONE + datetime.timedelta(number)).plan
            publish(world.lookups, contents(plan))
            found.append({(item.kind, item.what, item.item) for item in plan.items if item.what != "seen"})
    return found


def row(world: World, network: str) -> Mapping[str, str]:
    (found,) = [e.row.values for _, e in load_lookups(world.lookups).endpoint_rows if e.network == network]
    return found


RETIRED = ("change", "retired", f"{OLD}/32")


class TestVanished:
    """An endpoint that DNS does not name any more."""

    @pytest.mark.parametrize(
        ("numbers", "last"),
        [
            pytest.param([0, 1, 2], {MISSED}, id="three misses, too soon"),
            pytest.param([0, 40], {MISSED}, id="forty days, but two misses"),
            pytest.param([0, 0, 0, 29], {MISSED}, id="a day short"),
            pytest.param([0, 15, 30], {RETIRED}, id="both"),
            pytest.param([0, 15, 30, 31], set(), id="and then no more"),
        ],
    )
    def test_it_is_retired_after_three_misses_and_thirty_days(
        self, world: World, numbers: Sequence[int], last: set[Item]
    ) -> None:
        assert days(world, numbers, world.records(tools=[MINE, *V6]))[-1] == last

    def test_a_retired_endpoint_still_matches_older_events_and_may_return(self, world: World) -> None:
        days(world, [0, 15, 30], world.records(tools=[MINE, *V6]))
        retired = row(world, f"{OLD}/32")
        assert (retired["status"], retired["valid_until"]) == ("retired", "2027-01-31")
        lookups = load_lookups(world.lookups)
        assert lookups.boundaries
        assert days(world, [60], world.records()) == [{("change", "returned", f"{OLD}/32")}]
        returned = row(world, f"{OLD}/32")
        assert (returned["status"], returned["valid_until"], returned["misses"]) == ("active", "", "")

    def test_one_sighting_resets_the_count_of_misses(self, world: World) -> None:
        without = world.records(tools=[MINE, *V6])
        days(world, [0, 15], without)
        days(world, [20], world.records())
        assert days(world, [30, 31], without) == [{MISSED}, {MISSED}]

    @pytest.mark.parametrize(("misses", "grace"), [(1, 0), (2, 5)])
    def test_the_limits_are_settings(self, world: World, misses: int, grace: int) -> None:
        numbers = [number * grace for number in range(misses)]
        found = days(
            world, numbers, world.records(tools=[MINE, *V6]), misses=str(misses), grace_days=str(grace)
        )
        assert found[-1] == {RETIRED}

    def test_a_host_keeps_its_last_endpoint(self, world: World) -> None:
        found = days(world, [0, 15, 30, 45], world.records(swapi=[]))
        assert found[2:] == [{("refusal", "last_one", "146.112.59.25/32")}] * 2
        assert row(world, "146.112.59.25/32")["status"] == "active"

    def test_more_than_half_of_the_endpoints_are_never_retired_at_once(self, world: World) -> None:
        found = days(world, [0, 15, 30], records_of({HOST: ALL}))[-1]
        assert {(kind, what) for kind, what, _ in found} == {("refusal", "too_many")}
        assert {e.status for _, e in load_lookups(world.lookups).endpoint_rows} == {"active"}

    def test_a_refused_answer_counts_no_endpoint_as_missed(self, world: World) -> None:
        found = days(world, [0, 15, 30, 45], world.records(tools=["146.112.61.104"]))
        assert found == [{("refusal", "sinkhole", "146.112.61.104/32")}] * 4

    def test_one_resolver_alone_does_not_bring_back_a_retired_endpoint(self, world: World) -> None:
        days(world, [0, 15, 30], world.records(tools=[MINE, *V6]))
        with nameserver(world.app.parent / "honest", {"cisco.com": world.records(tools=[MINE, *V6])}) as port:
            resolvers = f"{LOOPBACK}:{port}"
            found = days(world, [60], world.records(), others=resolvers)
        assert found == [{("refusal", "disagreement", f"{OLD}/32")}]
        assert row(world, f"{OLD}/32")["status"] == "retired"

    def test_hosts_in_local_rows_only_are_not_looked_at(self, world: World) -> None:
        local = world.lookups / "cisco_licensing_endpoints_local.csv"
        local.write_text("network,host\n10.9.8.7/32,licences.corp.example\n", encoding="ascii")
        with nameserver(world.app.parent / "dns", {"corp.example": ["licences IN A 10.9.8.8"]}) as port:
            settings = world.settings(resolvers=f"{LOOPBACK}:{port}", tls="false")
            survey = refresh(world.lookups, settings, DAY_ONE).survey
        assert "licences.corp.example" not in {answer.host for answer in survey.answers}

    def test_local_rows_are_left_alone(self, world: World) -> None:
        local = world.lookups / "cisco_licensing_endpoints_local.csv"
        local.write_text(
            "network,host\n10.9.8.7/32,tools.cisco.com\n173.37.145.8/32,tools.cisco.com\n", encoding="ascii"
        )
        before = local.read_bytes()
        assert days(world, [0, 15, 30], world.records(tools=[MINE, *V6])) == [set(), set(), set()]
        assert days(world, [31], world.records(tools=[*ALL, "10.9.8.7"])) == [set()]
        assert local.read_bytes() == before
        assert "10.9.8.7" not in (world.lookups / FILES[0]).read_text(encoding="utf-8")


def test_an_alias_that_vanishes_from_the_certificates_stays(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(first: str) -> set[Item]:
        servers = {**world.servers, **{address: issue(world.authority, [first, HOST]) for address in ALL}}
        folder = world.app.parent / first
        with internet(folder, world.records(), servers) as site:
            given = ["--write", "--resolver", site.resolver, "--proxy", site.proxy]
            return items(run(world, given, capsys)[1], "change", "note")

    assert ("change", "new", "tool.cisco.com") in write("tool.cisco.com")
    assert ("note", "vanished", "tool.cisco.com") in write("toos.cisco.com")
    assert load_lookups(world.lookups).aliases["tool.cisco.com"].host == HOST


#: In the domain, in a certificate that verifies and is for the host; and no hostnames.
HOSTILE_NAMES = {
    "formula": "=cmd|x.cisco.com",
    "search": 'x" | delete | search "y.cisco.com',
    "subsearch": "[search x]`y`$z$.cisco.com",
    "terminal": "\x1b[2J\x1b]0;x\x07.cisco.com",
    "terminal in one byte": "\x9b2J.cisco.com",
    "direction": "\u202emoc.sloot.cisco.com",
    "second line": "x\nERROR y.cisco.com",
    "row of a table": 'x,tools.cisco.com,"\n=1+1,y.cisco.com',
    "template": "{0.__class__}.cisco.com",
    "blank": "tools cisco.cisco.com",
}


@pytest.mark.usefixtures("surveyed_once")
@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
def test_a_hostile_name_in_a_certificate_is_reported_and_never_written(
    world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    servers = {**world.servers, MINE: issue(world.authority, TOOLS, common_name=name)}
    before = tables(world)
    with internet(world.app.parent / "dns", world.records(), servers) as site:
        given = ["--resolver", site.resolver, "--proxy", site.proxy]
        status, told = run(world, [*given, "--write"], capsys)
        assert status == 2
        assert {item["what"] for item in told["items"] if item["kind"] == "refusal"} == {"no_host"}
        assert main(world.app, ["--ca-bundle", str(world.bundle), *given, "--diff"]) == 2
        shown = capsys.readouterr().out
        assert main(world.app, ["--json", "--ca-bundle", str(world.bundle), *given]) == 2
        as_json = capsys.readouterr().out
    assert tables(world) == before
    assert "no_host" in shown
    assert all(line.isprintable() for line in shown.split("\n"))
    assert as_json.isascii()
    assert name in {server["reported"] for server in json.loads(as_json)["servers"]}


@pytest.mark.parametrize("name", ["cisco_domains", "tsid_sinkholes", "cisco_licensing_endpoints"])
def test_a_broken_lookup_is_named_and_nothing_is_written(
    world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = world.lookups / f"{name}.csv"
    path.write_text(path.read_text(encoding="utf-8") + '"', encoding="utf-8")
    before = tables(world)
    assert main(world.app, ["--write"]) == 4
    error = capsys.readouterr().err
    assert f"{name}.csv" in error
    assert "line" in error
    assert tables(world) == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "content", [b"", b"network,host\n", b'x"', b"\xff"], ids=["empty", "header", "broken", "binary"]
)
def test_a_broken_refreshed_table_is_replaced(
    world: World, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refresh makes these tables: a broken one must not be in its way."""
    (world.lookups / name).write_bytes(content)
    with internet(world.app.parent / "dns", world.records(), world.servers) as site:
        status, told = run(world, ["--write", "--resolver", site.resolver, "--proxy", site.proxy], capsys)
    assert status == 0
    load_lookups(world.lookups)
    if content != b"network,host\n" or name == FILES[1]:
        assert ("change", "replaced", name) in items(told, "change")
        assert name in told["written"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
@pytest.mark.parametrize("arguments", [["--status"], ["--status", "--json"], ["--diff"]])
def test_a_report_that_cannot_be_written_is_an_error(world: World, arguments: list[str]) -> None:
    script = ROOT / "bin" / "refresh_lookups.py"
    code = (
        "import sys; from pathlib import Path; from tsid.refresh.script import main\n"
        "sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(script.parent), str(script.parent / "lib")]),
    }
    given = ["--resolver", f"{LOOPBACK}:{free_port()}", "--no-tls", "--proxy", "none"]
    given = given if "--diff" in arguments else []
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, str(world.app), *arguments, *given],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
            text=True,
        )
    assert done.returncode == 4
    assert done.stderr == (
        "refresh_lookups.py: The report cannot be written: No space left on device. Make room, or print it "
        "elsewhere.\n"
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("arguments", ["--status", "--check", "--json"])
def test_a_closed_stream_does_not_change_the_status(world: World, closed: str, arguments: str) -> None:
    (world.app / "bin").symlink_to(ROOT / "bin")
    script = "refresh_lookups.py"
    code = (
        "import sys; from pathlib import Path; from tsid.refresh.script import main\n"
        "sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))"
    )
    given = "" if arguments == "--status" else f"--resolver {LOOPBACK}:{free_port()} --no-tls --proxy none"
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'exec "$0" -W error -c "$1" "$2" {arguments} {given} {closed}',
            sys.executable,
            code,
        ]
        + [str(world.app)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "bin"), str(ROOT / "bin" / "lib")])},
    )
    assert done.returncode == (0 if arguments == "--status" else 3), (script, done)
    assert "Traceback" not in done.stderr


def test_an_odd_file_in_the_lookups_is_listed_as_not_readable_and_others_are_not_shown(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.lookups / "tsid_relays_refreshed.csv").symlink_to(world.lookups / "nowhere")
    (world.lookups / "odd.csv").mkdir()
    (world.lookups / "secrets.csv").write_text("x\n", encoding="utf-8")
    assert main(world.app, ["--status", "--json"]) == 4
    told = capsys.readouterr()
    assert "tsid_relays_refreshed.csv" in told.err
    found = {row["file"]: row["reason"] for row in json.loads(told.out)}
    assert found["tsid_relays_refreshed.csv"] == "not readable (No such file or directory)"
    (world.lookups / "tsid_relays_refreshed.csv").unlink()
    (world.lookups / "license_clocks_local.csv").mkdir()
    assert main(world.app, ["--status", "--json"]) == 0
    rows = {row["file"]: row for row in json.loads(capsys.readouterr().out) if row["kind"] == "file"}
    assert rows["license_clocks_local.csv"]["reason"] == "not readable (Is a directory)"
    assert not {"odd.csv", "secrets.csv"} & set(rows)
    assert main(world.app, ["--status"]) == 0
    assert "not readable (Is a directory)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[refresh]\nresolver = system", "unknown setting resolver"),
        ("[other]\n", "unknown stanza [other]"),
        ("resolvers = system", "cannot be read"),
        ("[refresh]\nresolvers =", "Name one at least"),
        ("[refresh]\nresolvers = dns.example.com", "neither system nor an IP address"),
        ("[refresh]\nresolvers = 192.0.2.1:0", "neither system nor an IP address"),
        ("[refresh]\nmisses = 0", "whole number from 1 to 1000"),
        ("[refresh]\nmisses = " + "9" * 5_000, "whole number from 1 to 1000"),
        ("[refresh]\ntls = perhaps", "Use true or false"),
        ("[refresh]\nca_bundle = nowhere.pem", "does not exist"),
        ("[refresh]\nproxy = https://proxy", "http://host:port"),
        ("[refresh]\nproxy = http://me:secret@proxy", "secrets do not belong in files"),
        ("[refresh]\nmembers = a.cisco.com", "member:host"),
    ],
)
def test_a_wrong_setting_is_named_with_its_cure(
    world: World, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.app / "local").mkdir()
    (world.app / "local" / "tsidrefresh.conf").write_text(text, encoding="ascii")
    assert main(world.app, ["--check"]) == 4
    error = capsys.readouterr().err
    assert "local/tsidrefresh.conf" in error
    assert words in error
    assert "secret@" not in error


def test_the_status_shows_the_digest_of_each_file_and_the_age_of_each_row(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(world.app, ["--status", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    hashes = {row["file"]: row["sha256"] for row in rows if row["kind"] == "file"}
    assert hashes == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in world.lookups.glob("*.csv")
    }
    (mine,) = [row for row in rows if row["item"] == f"{MINE}/32"]
    assert (mine["age_days"], mine["last_seen"]) == ("0", str(today()))
    assert LOOPBACK in mine["source"]
    assert main(world.app, ["--status"]) == 0
    assert f"{MINE}/32" in capsys.readouterr().out


class TestCommand:
    """`| tsidrefresh`, in a process of its own as splunkd starts it."""

    @staticmethod
    def host(packaged_app: Path, world: World, site: Optional[Site]) -> CommandHost:
        """Return the packaged app, with the world's lookups and settings."""
        app = world.app.parent / "packaged"
        shutil.copytree(packaged_app, app)
        shutil.rmtree(app / "lookups")
        shutil.copytree(world.lookups, app / "lookups")
        (app / "local").mkdir()
        resolver, gate = site or (f"{LOOPBACK}:{free_port()}", "none")
        # Whoever is there answers, on a busy machine late.
        timeout = 10 if site else 1
        (app / "local" / "tsidrefresh.conf").write_text(
            f"[refresh]\nresolvers = {resolver}\nproxy = {gate}\nca_bundle = {world.bundle}\n"
            f"timeout = {timeout}\nattempts = 1\n",
            encoding="utf-8",
        )
        return CommandHost(app, "tsidrefresh")

    def test_it_yields_what_the_script_writes(
        self, packaged_app: Path, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        moved = world.records(tools=[MINE, MOVED, "192.0.2.66"])
        servers = {**world.servers, MOVED: issue(world.authority, ["tool.cisco.com", HOST])}
        with internet(world.app.parent / "dns", moved, servers) as site:
            host = self.host(packaged_app, world, site)
            results = {table: host.run((), f"table={table}") for table in ("endpoints", "aliases", "report")}
            run(world, ["--write", "--resolver", site.resolver, "--proxy", site.proxy], capsys)
        written = [load_rows(world.lookups / name) for name in FILES]
        assert [full(results[table]) for table in ("endpoints", "aliases")] == written
        (warning,) = [m.text for m in results["endpoints"].messages]
        assert "192.0.2.66/32" in warning
        report = results["report"].events
        assert {(row["kind"], row["item"]) for row in report if row["kind"] in ("change", "refusal")} == {
            ("change", f"{MOVED}/32"),
            ("change", "tool.cisco.com"),
            ("refusal", "192.0.2.66/32"),
        }
        assert "sha256" in next(row for row in report if row["kind"] == "file")
        # What the dashboard of lookup health shows of it.
        splunk = Splunk(ROOT, [], 1_800_000_000)
        command, *others = splunk.saved["TSID refresh: report"]["search"].strip("| ").split("|", 1)
        macros = conf.read(ROOT / "default" / "macros.conf")
        assert expand(command, macros).strip() == "tsidrefresh table=report"
        (columns,) = {tuple(c for c in names if not c.startswith("_")) for names in results["report"].columns}
        base = Table([{k: v for k, v in row.items() if v} for row in report], list(columns))
        for _ in range(2):
            splunk.chain(base, f"| {others[0]}", 0, splunk.now)
        kept = list(splunk.collections["tsid_refresh_report"].values())
        assert {row["item"] for row in kept if row["kind"] == "refusal"} == {"192.0.2.66/32"}
        told = [row for row in report if row["kind"] not in ("file", "row")]
        assert [row["reason"] for row in kept if row["kind"] == "summary"] == [f"{len(told)} lines"]
        assert len(kept) == len(told) + 1

    @pytest.mark.parametrize(("table", "name"), zip(("licensing endpoints", "aliases"), FILES))
    def test_the_saved_search_writes_only_what_has_changed(
        self, packaged_app: Path, world: World, table: str, name: str
    ) -> None:
        """Each write makes a new bundle for every indexer."""
        moved = world.records(tools=[MINE, MOVED])
        servers = {**world.servers, MOVED: issue(world.authority, ["tool.cisco.com", HOST])}
        with internet(world.app.parent / "dns", moved, servers) as site:
            app = self.host(packaged_app, world, site).app
            splunk = Splunk(app, [], time.time())
            before = load_rows(app / "lookups" / name)
            for written in ([name], [name]):
                splunk.dispatch(f"TSID refresh: {table}")
                assert splunk.written == written
            after = load_rows(app / "lookups" / name)
            assert len(after) == len(before) + 1
            # A table that cannot be read is written anew.
            (app / "lookups" / name).write_bytes(b"\xff")
            splunk.dispatch(f"TSID refresh: {table}")
            assert splunk.written == [name, name]
            assert load_rows(app / "lookups" / name)

    def test_without_a_network_the_search_fails_with_the_cure(self, packaged_app: Path, world: World) -> None:
        host = self.host(packaged_app, world, None)
        with pytest.raises(SearchFailed, match="name another one in local/tsidrefresh"):
            host.run((), "table=endpoints").raise_for_error()
        kinds = {row["kind"] for row in host.run((), "").raise_for_error().events}
        assert {"failure", "file", "row"} <= kinds

    def test_its_options_are_settings_as_a_cloud_admin_gives_them_and_leave_the_bounds_as_they_are(
        self, packaged_app: Path, world: World
    ) -> None:
        moved = world.records(tools=[MINE, MOVED, "192.0.2.66"])
        with internet(world.app.parent / "dns", moved, world.servers) as site:
            host = self.host(packaged_app, world, None)
            silent = host.run((), "table=endpoints")
            told = host.run(
                (), f'table=endpoints resolvers="{site.resolver}" tls=false timeout=10 attempts=2'
            )
        assert silent.failed
        networks = {str(row["network"]) for row in full(told)}
        assert f"{MOVED}/32" in networks
        assert "192.0.2.66/32" not in networks
        (warning,) = [message.text for message in told.messages]
        assert "192.0.2.66/32" in warning

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ("timeout=0", "option: timeout = 0 cannot be used. Give a whole number from 1 to 300."),
            ("tls=perhaps", "option: tls = perhaps cannot be used. Use true or false."),
            ("misses=0", "option: misses = 0 cannot be used. Give a whole number from 1 to 1000."),
            ('resolvers="ns.example.com"', "option: resolvers = ns.example.com cannot be used."),
            ("proxy=http://user:secret@proxy", "option: proxy cannot be used. It contains a user name"),
            ("ca_bundle=/etc/passwd", "use one of certifi"),
            ("tls_port=22", "unknown option tls_port"),
        ],
    )
    def test_an_option_that_cannot_be_used_stops_the_search_without_telling_a_secret(
        self, packaged_app: Path, option: str, message: str
    ) -> None:
        told = InProcessHost(packaged_app, "tsidrefresh").run((), option)
        (text,) = [found.text for found in told.messages]
        assert told.failed
        assert message in text
        assert "secret" not in text.replace("secrets", "")


def load_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def full(result: Result) -> list[dict[str, str]]:
    """Return rows with all columns; the lab leaves out what is empty."""
    (columns,) = set(result.columns)
    names = [name for name in columns if not name.startswith(("_", "__mv_"))]
    return [{name: str(row.get(name, "")) for name in names} for row in result.events]
