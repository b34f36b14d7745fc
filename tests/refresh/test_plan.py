"""What a refresh makes of what was seen: every guard on its own, on lookups small enough to be read here."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import pytest

from tsid.facts.lookups import Lookups, load_lookups
from tsid.refresh.bounds import load_bounds, objection
from tsid.refresh.certificates import Certificate, Sight, reported
from tsid.refresh.plan import Plan, make_plan
from tsid.refresh.resolving import KINDS, DnsAnswer
from tsid.refresh.rows import ENDPOINT_COLUMNS
from tsid.refresh.settings import Settings
from tsid.refresh.survey import Survey, hosts_of, targets, unknown_names
from tsid.text.addresses import Address, parse_address

HOST, OTHER = "tools.cisco.com", "swapi.cisco.com"
ONE, TWO, SIX, OTHERS = "72.163.4.38", "173.37.145.8", "2001:420:1101:5::a", "146.112.59.25"
NEW, NEW_SIX = "72.163.9.9", "2001:420::9"
R1, R2 = "192.0.2.1", "192.0.2.2"
TODAY = datetime.date(2027, 1, 31)
HEADER = "network,host,service,status,valid_from,valid_until,source,last_seen,misses,missed_since,ttl\n"
SHIPPED = HEADER + (
    f"{SIX}/128,{HOST},smart_call_home,unconfirmed,,,memory,,,,\n"
    f"{ONE}/32,{HOST},smart_call_home,active,,,KB,2027-01-31,,,\n"
    f"{OTHERS}/32,{OTHER},cssm_api,active,,,KB,2027-01-31,,,\n"
    f"{TWO}/32,{HOST},smart_call_home,active,,,KB,2027-01-31,,,\n"
)

Items = set[tuple[str, ...]]


class World:
    """Lookups and settings, and what is seen: by default what the lookups say, by two resolvers, without TLS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("cisco_licensing_endpoints", SHIPPED)
        self.answers = [*says(HOST, ONE, TWO), *says(OTHER, OTHERS)]
        self.sights: list[Sight] = []
        self.named: list[DnsAnswer] = []
        self.members: dict[str, str] = {}
        self.settings = Settings(
            resolvers=(),
            members={},
            tls=True,
            tls_port=443,
            ca_bundle=None,
            proxy=None,
            timeout=5,
            attempts=1,
            misses=3,
            grace_days=30,
            seen_days=7,
        )

    def write(self, name: str, text: str) -> None:
        (self.folder / f"{name}.csv").write_text(text, encoding="utf-8")

    def refreshed(self, *rows: str) -> None:
        self.write("cisco_licensing_endpoints_refreshed", HEADER + "".join(f"{row}\n" for row in rows))

    def local(self, *rows: str) -> None:
        self.write("cisco_licensing_endpoints_local", "network,host\n" + "".join(f"{row}\n" for row in rows))

    @property
    def lookups(self) -> Lookups:
        return load_lookups(self.folder)

    def plan(self) -> Plan:
        sights = {(sight.address, sight.sni): sight for sight in self.sights}
        named = [*self.named]
        # A survey asks for each name that it does not know. By default there is no such host.
        for name in unknown_names(self.lookups, load_bounds(self.folder), self.sights):
            if not any(answer.host == name for answer in named):
                named += says(name)
        survey = Survey(self.answers, self.members, sights, named)
        return make_plan(self.lookups, load_bounds(self.folder), survey, self.settings, TODAY)


@pytest.fixture
def world(folder: Path) -> World:
    return World(folder)


def says(
    host: str, *addresses: str, by: Sequence[str] = (R1, R2), ttl: Optional[int] = 300, problem: str = ""
) -> list[DnsAnswer]:
    """Return the answers of some resolvers on a host, of both kinds."""
    found = [ip(address) for address in addresses]
    return [
        DnsAnswer(host, kind, resolver, [a for a in found if a.version == version], ttl, problem)
        for kind, version in zip(KINDS, (4, 6))
        for resolver in by
    ]


def shows(address: str, *names: str, sni: str = "", **given: Any) -> Sight:
    """Return the sight of a server with a certificate of these alternative names, or with what is given."""
    certificate = Certificate(given.pop("common_names", ()), names, given.pop("units", ()))
    return Sight(ip(address), sni, **{"certificate": certificate, **given})


def hides(address: str, problem: str = "no answer", **given: Any) -> Sight:
    return Sight(ip(address), "", problem=problem, **given)


def ip(text: str) -> Address:
    address = parse_address(text)
    assert address is not None
    return address


def told(plan: Plan) -> Items:
    return {(item.kind, item.table, item.what, item.item, item.host, item.reason) for item in plan.items}


def row(plan: Plan, network: str) -> Mapping[str, str]:
    """Return what is filled of a row of the refreshed table."""
    (found,) = (row for row in plan.endpoints if row["network"] == network)
    assert tuple(found) == ENDPOINT_COLUMNS
    return {column: value for column, value in found.items() if value}


def change(what: str, network: str, reason: str, host: str = HOST) -> tuple[str, ...]:
    return ("change", "endpoints", what, network, host, reason)


def refusal(what: str, network: str, reason: str, host: str = HOST) -> tuple[str, ...]:
    return ("refusal", "endpoints", what, network, host, reason)


def test_what_is_as_it_was_changes_nothing(world: World) -> None:
    plan = world.plan()
    assert (plan.endpoints, plan.aliases, plan.items, plan.checked) == ([], [], [], True)


class TestNewAddress:
    """An address that DNS has and the lookups lack."""

    @pytest.mark.parametrize(("address", "network"), [(NEW, f"{NEW}/32"), (NEW_SIX, f"{NEW_SIX}/128")])
    def test_it_becomes_a_row(self, world: World, address: str, network: str) -> None:
        world.answers = [
            *says(HOST, ONE, TWO, address, by=[R2], ttl=60),
            *says(HOST, ONE, TWO, address, by=[R1]),
            *says(OTHER, OTHERS),
        ]
        plan = world.plan()
        assert told(plan) == {change("new", network, f"DNS by {R1}, {R2}.")}
        assert len(plan.endpoints) == 1
        assert row(plan, network) == {
            "network": network,
            "host": HOST,
            "service": "smart_call_home",
            "status": "active",
            "source": f"DNS by {R1}, {R2}",
            "last_seen": "2027-01-31",
            "ttl": "60",
        }

    def test_its_service_is_that_of_a_row_that_has_one(self, world: World) -> None:
        world.write(
            "cisco_licensing_endpoints",
            f"network,host,service\n{ONE}/32,{HOST},\n{TWO}/32,{HOST},smart\n{OTHERS}/32,{OTHER},\n",
        )
        world.answers = [*says(HOST, ONE, TWO, NEW, ttl=None), *says(OTHER, OTHERS, "72.163.9.10")]
        plan = world.plan()
        assert row(plan, f"{NEW}/32")["service"] == "smart"
        assert "ttl" not in row(plan, f"{NEW}/32")
        assert "service" not in row(plan, "72.163.9.10/32")

    def test_a_certificate_for_the_host_is_part_of_the_evidence(self, world: World) -> None:
        world.answers += says(HOST, NEW)
        world.sights = [shows(NEW, "www.cisco.com", HOST)]
        assert row(world.plan(), f"{NEW}/32")["source"] == f"DNS by {R1}, {R2}; certificate"

    @pytest.mark.parametrize(
        ("address", "what", "reason"),
        [
            (
                "146.112.61.104",
                "sinkhole",
                "a DNS filter answers with this address (Cisco Umbrella block page).",
            ),
            ("10.1.2.3", "private", "the address is in 10.0.0.0/8: private addresses."),
            ("198.51.100.7", "private", "the address is in 198.51.100.0/24: a relay."),
            (
                "203.0.113.9",
                "not_ciscos",
                "the address is in none of Cisco's networks (cisco_networks.csv).",
            ),
        ],
    )
    def test_one_that_nobodys_server_has_is_refused_whoever_names_it(
        self, world: World, address: str, what: str, reason: str
    ) -> None:
        world.write("tsid_relays_local", "network,owner\n198.51.100.0/24,\n")
        world.answers = [*says(HOST, ONE, address), *says(OTHER, OTHERS)]
        world.sights = [shows(address, HOST)]
        plan = world.plan()
        # The other address is not missed either: a resolver that lies proves nothing.
        assert told(plan) == {refusal(what, f"{address}/32", f"{R1}, {R2}: {reason}")}
        assert plan.endpoints == []
        found = objection(world.lookups, ip(address))
        assert found == (what, reason)

    def test_what_one_resolver_alone_has_is_refused(self, world: World) -> None:
        world.answers = [
            *says(HOST, ONE, TWO, NEW, by=[R1]),
            *says(HOST, ONE, TWO, by=["192.0.2.3", R2]),
            *says(OTHER, OTHERS),
        ]
        reason = f"{R1}: the answer of {R2}, 192.0.2.3 does not have this address."
        assert told(world.plan()) == {refusal("disagreement", f"{NEW}/32", reason)}

    @pytest.mark.parametrize("kinds", [(0, 1), (0,)], ids=["both kinds", "this kind"])
    def test_a_resolver_that_fails_does_not_agree(self, world: World, kinds: Sequence[int]) -> None:
        """Whoever can make a resolver fail must not decide by that what the others are believed."""
        silent = says(HOST, by=[R2])
        for kind in kinds:
            silent[kind] = silent[kind]._replace(problem="SERVFAIL")
        world.answers = [*says(HOST, ONE, TWO, NEW, by=[R1]), *silent, *says(OTHER, OTHERS)]
        plan = world.plan()
        reason = f"{R1}: {R2} did not answer; a new address counts only if all resolvers return it."
        assert ("failure", "endpoints", "unanswered", f"{NEW}/32", HOST, reason) in told(plan)
        assert plan.of_kind("change") == plan.of_kind("refusal") == []
        assert {item.what for item in plan.of_kind("note")} == {"no_answer"}

    @pytest.mark.parametrize("last", [104, 105, 106, 107, 108, 110])
    def test_a_block_page_of_umbrella_is_refused_whatever_tls_says(self, world: World, last: int) -> None:
        address = f"146.112.61.{last}"
        world.answers += says(HOST, address)
        for sights in ([], [shows(address, HOST)]):
            world.sights = sights
            plan = world.plan()
            assert [(item.kind, item.what, item.item) for item in plan.items] == [
                ("refusal", "sinkhole", f"{address}/32")
            ]
            assert plan.endpoints == []

    def test_a_block_page_that_an_earlier_refresh_believed_is_withdrawn_for_all_times(
        self, world: World
    ) -> None:
        address = "146.112.61.106"
        world.refreshed(f"{address}/32,{HOST},s,active,2026-11-01,,DNS,2027-01-30,,,60")
        world.answers += says(HOST, address)
        plan = world.plan()
        assert {(item.kind, item.what) for item in plan.items} == {
            ("change", "withdrawn"),
            ("refusal", "sinkhole"),
        }
        found = row(plan, f"{address}/32")
        assert (found["status"], found["valid_until"], "valid_from" in found) == (
            "retired",
            "1970-01-01",
            False,
        )
        world.refreshed(",".join(plan.endpoints[0][column] for column in HEADER.strip().split(",")))
        (endpoint,) = [e for _, e in world.lookups.endpoint_rows if e.network == f"{address}/32"]
        assert not any(endpoint.covers(time) for time in (None, 1_000_000_000.0, 1_790_000_000.0))
        assert {item.what for item in world.plan().items} == {"sinkhole"}

    def test_all_have_it_under_one_of_the_hosts_names(self, world: World) -> None:
        # What is answered for the host itself goes round; the member has it from everyone.
        world.members = {"tools9.cisco.com": HOST}
        world.answers = [
            *says(HOST, ONE, TWO, NEW, by=[R1]),
            *says(HOST, ONE, TWO, by=[R2]),
            *says("tools9.cisco.com", NEW),
            *says(OTHER, OTHERS),
        ]
        assert told(world.plan()) == {change("new", f"{NEW}/32", f"DNS by {R1}, {R2}.")}

    def test_half_of_each_name_is_not_all_of_one(self, world: World) -> None:
        world.members = {"tools9.cisco.com": HOST}
        world.answers = [
            *says(HOST, ONE, TWO, NEW, by=[R1]),
            *says(HOST, ONE, TWO, by=[R2]),
            *says("tools9.cisco.com", NEW, by=[R1]),
            *says("tools9.cisco.com", by=[R2]),
            *says(OTHER, OTHERS),
        ]
        assert {item[2] for item in told(world.plan())} == {"disagreement"}

    @pytest.mark.parametrize(
        ("sight", "what", "reason"),
        [
            (
                hides(NEW, "its certificate does not verify: expired", unverified=True),
                "unverified",
                "its certificate does not verify: expired.",
            ),
            (
                shows(NEW, "a.example", "b.example", common_names=["c.example"]),
                "not_for_host",
                f"its certificate is not for {HOST} but for a.example, b.example.",
            ),
            (
                shows(NEW, common_names=["c.example"]),
                "not_for_host",
                f"its certificate is not for {HOST} but for c.example.",
            ),
            (shows(NEW), "not_for_host", f"its certificate is not for {HOST} but for no name."),
            # With a SAN the common name does not count (RFC 6125).
            (
                shows(NEW, "a.example", common_names=[HOST]),
                "not_for_host",
                f"its certificate is not for {HOST} but for a.example.",
            ),
        ],
    )
    def test_a_server_that_does_not_prove_itself_is_refused(
        self, world: World, sight: Sight, what: str, reason: str
    ) -> None:
        world.answers = [*says(HOST, ONE, NEW), *says(OTHER, OTHERS)]
        world.sights = [sight]
        plan = world.plan()
        assert told(plan) == {refusal(what, f"{NEW}/32", f"{R1}, {R2}: {reason}")}
        assert plan.endpoints == []

    def test_a_server_may_prove_itself_where_it_is_asked_for_the_host(self, world: World) -> None:
        world.answers += says(HOST, NEW)
        world.sights = [
            hides(NEW, "its certificate does not verify: self-signed", unverified=True),
            shows(NEW, HOST, sni=HOST),
        ]
        assert told(world.plan()) == {change("new", f"{NEW}/32", f"DNS by {R1}, {R2}; certificate.")}

    def test_proof_for_another_name_is_none_for_this_one(self, world: World) -> None:
        world.answers += says(HOST, NEW)
        world.sights = [shows(NEW, "www.cisco.com"), shows(NEW, HOST, sni=OTHER)]
        assert {item[2] for item in told(world.plan())} == {"not_for_host"}

    @pytest.mark.parametrize(
        ("address", "unreachable", "kind"),
        [
            (NEW, False, "failure"),
            (NEW, True, "failure"),
            (NEW_SIX, False, "failure"),
            # Many sites have no IPv6.
            (NEW_SIX, True, "note"),
        ],
    )
    def test_a_server_that_was_not_seen_is_no_endpoint_yet(
        self, world: World, address: str, unreachable: bool, kind: str
    ) -> None:
        world.answers = [*says(HOST, ONE, address), *says(OTHER, OTHERS)]
        world.sights = [hides(address, unreachable=unreachable)]
        plan = world.plan()
        network = f"{address}/{32 if address == NEW else 128}"
        # DNS is believed all the same, so that what it lacks counts as missed.
        missed = "Check 1 in a row that misses it, for 0 days; it is retired after 3 checks and 30 days."
        assert told(plan) == {
            (kind, "endpoints", "unseen", network, HOST, "No answer."),
            change("missed", f"{TWO}/32", missed),
        }
        assert [row["network"] for row in plan.endpoints] == [f"{TWO}/32"]


class TestKnownAddress:
    """An address that DNS has and the lookups too."""

    @pytest.mark.parametrize(
        ("last_seen", "is_old"),
        [("2027-01-25", False), ("2027-01-24", True), ("2026-01-31", True), ("", True), ("long ago", True)],
    )
    def test_its_date_is_brought_up_to_date_now_and_then(
        self, world: World, last_seen: str, is_old: bool
    ) -> None:
        world.refreshed(f"{ONE}/32,{HOST},smart_call_home,active,,,before,{last_seen},,,9")
        plan = world.plan()
        # A row of the refreshed table stays in it.
        filled = {"network": f"{ONE}/32", "host": HOST, "service": "smart_call_home", "status": "active"}
        if is_old:
            assert told(plan) == {change("seen", f"{ONE}/32", f"DNS by {R1}, {R2}.")}
            filled |= {"source": f"DNS by {R1}, {R2}", "last_seen": "2027-01-31", "ttl": "300"}
        else:
            assert told(plan) == set()
            filled |= {"source": "before", "last_seen": last_seen, "ttl": "9"}
        assert row(plan, f"{ONE}/32") == filled

    @pytest.mark.parametrize(
        ("status", "valid_until", "what"),
        [("unconfirmed", "", "confirmed"), ("retired", "2026-12-31", "returned")],
    )
    def test_it_becomes_active(self, world: World, status: str, valid_until: str, what: str) -> None:
        world.refreshed(f"{NEW}/32,{HOST},s,{status},,{valid_until},before,2027-01-31,3,2026-12-01,")
        world.answers += says(HOST, NEW)
        plan = world.plan()
        assert told(plan) == {change(what, f"{NEW}/32", f"DNS by {R1}, {R2}.")}
        assert row(plan, f"{NEW}/32") == {
            "network": f"{NEW}/32",
            "host": HOST,
            "service": "s",
            "status": "active",
            "source": f"DNS by {R1}, {R2}",
            "last_seen": "2027-01-31",
            "ttl": "300",
        }

    @pytest.mark.parametrize("status", ["unconfirmed", "retired"])
    def test_one_resolver_alone_or_a_server_unseen_does_not_make_it_active(
        self, world: World, status: str
    ) -> None:
        world.refreshed(f"{NEW}/32,{HOST},s,{status},,2026-12-31,before,,,,")
        honest = list(world.answers)
        world.answers = [*honest, *says(HOST, NEW, by=[R1]), *says(HOST, by=[R2])]
        assert {item[2] for item in told(world.plan())} == {"disagreement"}
        world.answers = [*honest, *says(HOST, NEW)]
        world.sights = [hides(NEW)]
        plan = world.plan()
        assert {item[2] for item in told(plan)} == {"unseen"}
        assert row(plan, f"{NEW}/32")["status"] == status

    def test_an_active_one_needs_one_resolver_and_no_sight(self, world: World) -> None:
        world.refreshed(f"{ONE}/32,{HOST},s,active,,,before,2027-01-01,2,2027-01-01,")
        world.answers = [
            *says(HOST, ONE, TWO, by=[R1]),
            *says(HOST, TWO, by=[R2]),
            *says(OTHER, OTHERS),
        ]
        world.sights = [hides(ONE)]
        plan = world.plan()
        assert told(plan) == {
            ("failure", "endpoints", "unseen", f"{ONE}/32", HOST, "No answer."),
            change("seen", f"{ONE}/32", f"DNS by {R1}."),
        }
        assert not {"misses", "missed_since"} & set(row(plan, f"{ONE}/32"))

    def test_misses_are_forgotten_though_its_date_is_fresh(self, world: World) -> None:
        world.refreshed(f"{ONE}/32,{HOST},s,active,,,before,2027-01-31,1,2027-01-30,")
        plan = world.plan()
        assert {item[2] for item in told(plan)} == {"seen"}
        assert "misses" not in row(plan, f"{ONE}/32")

    @pytest.mark.parametrize(
        "sight",
        [hides(ONE, "bad", unverified=True), shows(ONE, "www.cisco.com")],
        ids=["unverified", "other"],
    )
    def test_one_whose_server_does_not_prove_itself_stays_as_it_is(self, world: World, sight: Sight) -> None:
        world.refreshed(f"{ONE}/32,{HOST},s,active,,,before,2026-01-01,,,")
        world.sights = [sight]
        plan = world.plan()
        assert {item[0] for item in told(plan)} == {"refusal"}
        assert row(plan, f"{ONE}/32")["last_seen"] == "2026-01-01"

    def test_a_wider_network_holds_its_addresses_and_no_others(self, world: World) -> None:
        world.write(
            "cisco_licensing_endpoints",
            f"network,host,last_seen\n72.163.9.0/30,{HOST},2027-01-31\n{OTHERS}/32,{OTHER},2027-01-31\n",
        )
        for last, what in ((3, set()), (4, {"new"})):
            world.answers = [*says(HOST, f"72.163.9.{last}", "72.163.9.0"), *says(OTHER, OTHERS)]
            assert {item[2] for item in told(world.plan())} == what

    def test_the_same_number_in_the_other_version_is_another_address(self, world: World) -> None:
        # As a number, this IPv4 address is in the IPv6 network.
        world.write(
            "cisco_licensing_endpoints",
            f"network,host,last_seen\n::/96,{HOST},2027-01-31\n{OTHERS}/32,{OTHER},2027-01-31\n",
        )
        world.answers = [*says(HOST, NEW), *says(OTHER, OTHERS)]
        assert ("new", f"{NEW}/32") in {(item[2], item[3]) for item in told(world.plan())}


def test_rows_are_written_in_one_form_however_they_were(world: World) -> None:
    world.refreshed("2001:0420:0:0::0009/128,TOOLS.Cisco.com.,s,ACTIVE,,,before,2027-01-31,,,")
    world.answers += says(HOST, NEW_SIX)
    (found,) = world.plan().endpoints
    assert (found["network"], found["host"], found["status"]) == (f"{NEW_SIX}/128", HOST, "active")


class TestMissedAddress:
    """An address that the lookups have and DNS does not."""

    MISSED = "Check {} in a row that misses it, for {} days; it is retired after 3 checks and 30 days."

    @staticmethod
    def miss(world: World, misses: str = "", since: str = "", status: str = "active") -> None:
        world.refreshed(f"{TWO}/32,{HOST},s,{status},,,before,2027-01-31,{misses},{since},")
        world.answers = [*says(HOST, ONE), *says(OTHER, OTHERS)]

    @pytest.mark.parametrize(
        ("misses", "since", "count", "days", "kept", "kept_since"),
        [
            ("", "", 1, 0, "1", "2027-01-31"),
            ("1", "2027-01-30", 2, 1, "2", "2027-01-30"),
            ("x", "whenever", 1, 0, "1", "2027-01-31"),
            # Three checks, but a day too soon; long enough, but two checks.
            ("2", "2027-01-02", 3, 29, "3", "2027-01-02"),
            ("1", "2026-01-31", 2, 365, "2", "2026-01-31"),
            # What it takes is counted, and no more.
            ("3", "2027-01-02", 4, 29, "3", "2027-01-02"),
        ],
    )
    def test_it_is_counted(
        self, world: World, misses: str, since: str, count: int, days: int, kept: str, kept_since: str
    ) -> None:
        self.miss(world, misses, since)
        plan = world.plan()
        assert told(plan) == {change("missed", f"{TWO}/32", self.MISSED.format(count, days))}
        found = row(plan, f"{TWO}/32")
        assert (found["status"], found["misses"], found["missed_since"]) == ("active", kept, kept_since)

    def test_a_row_of_the_shipped_table_is_counted_in_the_refreshed_one(self, world: World) -> None:
        world.answers = [*says(HOST, ONE), *says(OTHER, OTHERS)]
        found = row(world.plan(), f"{TWO}/32")
        assert (found["service"], found["source"], found["misses"]) == ("smart_call_home", "KB", "1")

    @pytest.mark.parametrize(("misses", "since"), [("2", "2027-01-01"), ("3", "2026-01-01")])
    def test_it_is_retired_after_three_checks_and_thirty_days(
        self, world: World, misses: str, since: str
    ) -> None:
        self.miss(world, misses, since)
        plan = world.plan()
        reason = f"Missed by 3 checks in a row, since {since}."
        assert told(plan) == {change("retired", f"{TWO}/32", reason)}
        found = row(plan, f"{TWO}/32")
        assert (found["status"], found["valid_until"]) == ("retired", "2027-01-31")

    def test_where_its_kind_was_not_answered_nothing_is_missed(self, world: World) -> None:
        self.miss(world)
        world.answers = [
            answer._replace(problem="SERVFAIL") if answer.kind == "A" else answer for answer in world.answers
        ]
        world.answers += says("other.cisco.com", ONE)
        world.members = {"other.cisco.com": HOST}
        plan = world.plan()
        assert {item[2] for item in told(plan)} == {"no_answer"}
        assert "misses" not in row(plan, f"{TWO}/32")

    def test_ipv6_is_missed_where_aaaa_was_answered(self, world: World) -> None:
        world.refreshed(f"{NEW_SIX}/128,{HOST},s,active,,,before,2027-01-31,,,")
        assert {item[2:4] for item in told(world.plan())} == {("missed", f"{NEW_SIX}/128")}
        world.answers = [
            answer._replace(problem="SERVFAIL") if answer.kind == "AAAA" else answer
            for answer in world.answers
        ]
        assert {item[2] for item in told(world.plan())} == {"no_answer"}

    @pytest.mark.parametrize("status", ["unconfirmed", "retired"])
    def test_only_an_active_one_is_missed(self, world: World, status: str) -> None:
        world.write(
            "cisco_licensing_endpoints",
            SHIPPED.replace(
                f"{TWO}/32,{HOST},smart_call_home,active,,,", f"{TWO}/32,{HOST},s,{status},,2026-12-31,"
            ),
        )
        world.answers = [*says(HOST, ONE), *says(OTHER, OTHERS)]
        plan = world.plan()
        assert (plan.items, plan.endpoints) == ([], [])

    def test_a_certificate_is_as_good_as_dns(self, world: World) -> None:
        self.miss(world, "2", "2026-01-01")
        world.sights = [shows(TWO, HOST)]
        plan = world.plan()
        assert change("seen", f"{TWO}/32", "Certificate.") in told(plan)
        found = row(plan, f"{TWO}/32")
        assert (found["source"], found["status"]) == ("certificate", "active")
        assert not {"ttl", "misses"} & set(found)

    def test_a_retired_one_does_not_return_by_its_certificate_alone(self, world: World) -> None:
        world.refreshed(f"{NEW}/32,{HOST},s,retired,,2026-12-31,before,,,,")
        world.sights = [shows(NEW, HOST)]
        assert told(world.plan()) == set()

    def test_not_more_than_half_go_at_once(self, world: World) -> None:
        old = "active,,,before,2026-01-01,3,2026-01-01,"
        world.refreshed(f"{ONE}/32,{HOST},s,{old}", f"{OTHERS}/32,{OTHER},s,{old}")
        world.write(
            "cisco_licensing_endpoints", SHIPPED + f"72.163.4.39/32,{OTHER},s,active,,,KB,2027-01-31,,,\n"
        )
        world.answers = [*says(HOST, TWO), *says(OTHER, "72.163.4.39")]
        # Two of four.
        assert {item[2] for item in told(world.plan())} == {"retired"}
        world.write("cisco_licensing_endpoints", SHIPPED)
        world.answers = [*says(HOST, TWO), *says(OTHER, by=(R1, R2))]
        reason = "2 of 3 active endpoints would be retired at once."
        plan = world.plan()
        assert told(plan) == {
            refusal("too_many", f"{ONE}/32", reason),
            refusal("too_many", f"{OTHERS}/32", reason, OTHER),
        }
        assert {found["status"] for found in plan.endpoints} == {"active"}

    def test_a_host_keeps_its_last_one(self, world: World) -> None:
        old = "active,,,before,2026-01-01,3,2026-01-01,"
        world.refreshed(
            f"{OTHERS}/32,{OTHER},s,{old}", f"72.163.4.39/32,{OTHER},s,retired,,2026-01-01,before,,,,"
        )
        honest = says(HOST, ONE, TWO)
        world.answers = [*honest, *says(OTHER)]
        reason = "The host would be left without an endpoint."
        plan = world.plan()
        assert told(plan) == {refusal("last_one", f"{OTHERS}/32", reason, OTHER)}
        assert row(plan, f"{OTHERS}/32")["status"] == "active"
        # A new one of another host does not help; one of its own does.
        world.answers = [*honest, *says(HOST, NEW), *says(OTHER)]
        assert {item[2] for item in told(world.plan())} == {"new", "last_one"}
        world.answers = [*honest, *says(OTHER, NEW)]
        assert {item[2] for item in told(world.plan())} == {"new", "retired"}

    def test_two_that_are_due_do_not_keep_each_other(self, world: World) -> None:
        old = "active,,,before,2026-01-01,3,2026-01-01,"
        world.refreshed(f"{OTHERS}/32,{OTHER},s,{old}", f"72.163.4.39/32,{OTHER},s,{old}")
        world.answers = [*says(HOST, ONE, TWO), *says(OTHER)]
        assert {item[2] for item in told(world.plan())} == {"last_one"}


class TestLocalRows:
    """What a site has decided for itself."""

    def test_they_are_neither_confirmed_nor_missed_nor_refused(self, world: World) -> None:
        world.local(f"10.9.8.0/24,{HOST}", f"{TWO}/32,{HOST}")
        for addresses in ([ONE], [ONE, TWO], [ONE, "10.9.8.7"]):
            world.answers = [*says(HOST, *addresses), *says(OTHER, OTHERS)]
            world.sights = [shows(TWO, HOST)]
            plan = world.plan()
            assert (plan.items, plan.endpoints) == ([], [])

    def test_what_dns_lacks_beside_them_is_missed_all_the_same(self, world: World) -> None:
        world.local(f"10.9.8.0/24,{HOST}")
        world.answers = [*says(HOST, ONE, "10.9.8.7"), *says(OTHER, OTHERS)]
        assert {item[2:4] for item in told(world.plan())} == {("missed", f"{TWO}/32")}

    def test_a_local_network_speaks_for_the_shipped_addresses_in_it(self, world: World) -> None:
        world.local(f"{ONE[:-2]}32/28,{HOST}")
        world.write("cisco_licensing_endpoints", SHIPPED.replace("KB,2027-01-31", "KB,2026-01-31"))
        found = {item[3] for item in told(world.plan())}
        assert found == {f"{TWO}/32", f"{OTHERS}/32"}

    def test_a_local_row_of_another_host_does_not_matter(self, world: World) -> None:
        world.local(f"{NEW}/32,{OTHER}")
        world.answers += says(HOST, NEW)
        assert {item[2:5] for item in told(world.plan())} == {("new", f"{NEW}/32", HOST)}


class TestResolvers:
    """Whether anything can be said at all."""

    def test_without_any_address_nothing_changes(self, world: World) -> None:
        world.refreshed(f"{TWO}/32,{HOST},s,active,,,before,2026-01-01,3,2026-01-01,")
        world.answers = [*says(HOST), *says(OTHER)]
        plan = world.plan()
        assert (plan.checked, plan.items) == (False, [])
        assert row(plan, f"{TWO}/32")["status"] == "active"

    def test_what_was_not_answered_is_told(self, world: World) -> None:
        world.answers = [
            *says(HOST, ONE, TWO, by=[R1]),
            *says(HOST, by=[R2], problem="no answer within 5 seconds"),
            *says(OTHER, problem="SERVFAIL"),
        ]
        assert told(world.plan()) == {
            (
                "note",
                "endpoints",
                "no_answer",
                HOST,
                HOST,
                f"{R2} on {kind} of {HOST}: no answer within 5 seconds.",
            )
            for kind in KINDS
        } | {
            ("failure", "endpoints", "no_answer", OTHER, OTHER, f"{resolver} on {kind} of {OTHER}: SERVFAIL.")
            for kind in KINDS
            for resolver in (R1, R2)
        }

    def test_a_member_that_was_not_answered_is_named(self, world: World) -> None:
        world.members = {"tools9.cisco.com": HOST}
        world.answers += says("tools9.cisco.com", by=[R1], problem="SERVFAIL")
        assert {item[:1] + item[2:5] for item in told(world.plan())} == {
            ("failure", "no_answer", "tools9.cisco.com", HOST)
        }


def test_rows_stand_longest_prefix_first_then_by_version_and_number(world: World) -> None:
    end = ",s,active,,,before,2027-01-31,,,"
    world.refreshed(
        f"173.38.0.0/16,{HOST}{end}",
        f"2a04:e4c7::/32,{HOST}{end}",
        f"{ONE}/32,{OTHER}{end}",
        f"{ONE}/32,{HOST}{end}",
        f"{NEW_SIX}/128,{HOST}{end}",
    )
    world.answers += [*says(HOST, NEW, "72.163.1.1", NEW_SIX, "2001:420::1"), *says(OTHER, ONE)]
    found = [(row["network"], row["host"]) for row in world.plan().endpoints]
    assert found == [
        ("2001:420::1/128", HOST),
        (f"{NEW_SIX}/128", HOST),
        ("72.163.1.1/32", HOST),
        (f"{ONE}/32", OTHER),
        (f"{ONE}/32", HOST),
        (f"{NEW}/32", HOST),
        ("2a04:e4c7::/32", HOST),
        ("173.38.0.0/16", HOST),
    ]


def alias_item(kind: str, what: str, alias: str, reason: str, host: str = HOST) -> tuple[str, ...]:
    return (kind, "aliases", what, alias, host, reason)


SEEN_AT = f"the certificate of {ONE}"


class TestAliases:
    """The name that a firewall reports for a server of a licensing host."""

    @staticmethod
    def refreshed(world: World, *rows: str) -> None:
        header = "alias,host,origin,last_seen,note\n"
        world.write("tsid_aliases_refreshed", header + "".join(f"{row}\n" for row in rows))

    @pytest.mark.parametrize(
        ("sight", "alias", "note"),
        [
            (
                shows(ONE, "tool.cisco.com", HOST),
                "tool.cisco.com",
                f"first alternative name in {SEEN_AT}; its alternative names are tool.cisco.com, {HOST}",
            ),
            (
                shows(ONE, HOST, common_names=["TOOL.Cisco.com."]),
                "tool.cisco.com",
                f"common name in {SEEN_AT}; its alternative names are {HOST}",
            ),
            (
                shows(ONE, "tool.cisco.com", HOST, *[f"x{number}.example" for number in range(18)]),
                "tool.cisco.com",
                f"first alternative name in {SEEN_AT}; its alternative names are tool.cisco.com, {HOST}, "
                + ", ".join(f"x{number}.example" for number in range(18)),
            ),
            (
                shows(ONE, "tool.cisco.com", HOST, *[f"x{number}.example" for number in range(19)]),
                "tool.cisco.com",
                f"first alternative name in {SEEN_AT}; its alternative names are tool.cisco.com, {HOST}, "
                + ", ".join(f"x{number}.example" for number in range(18))
                + " and 1 more",
            ),
            (
                shows(ONE, "tool.cisco.com", HOST, *[f"x{number}.example" for number in range(20)]),
                "tool.cisco.com",
                f"first alternative name in {SEEN_AT}; its alternative names are tool.cisco.com, {HOST}, "
                + ", ".join(f"x{number}.example" for number in range(18))
                + " and 2 more",
            ),
            (
                shows(ONE, "tool.cisco.com", HOST, "a\nb\u202e"),
                "tool.cisco.com",
                f"first alternative name in {SEEN_AT}; its alternative names are tool.cisco.com, {HOST}, a?b?",
            ),
        ],
        ids=["first name", "common name", "twenty names", "one more", "two more", "not printable"],
    )
    def test_a_new_one(self, world: World, sight: Sight, alias: str, note: str) -> None:
        world.sights = [sight]
        plan = world.plan()
        assert told(plan) == {alias_item("change", "new", alias, f"The {note}.")}
        assert plan.aliases == [
            {"alias": alias, "host": HOST, "origin": "certificate", "last_seen": "2027-01-31", "note": note}
        ]

    @pytest.mark.parametrize(
        ("names", "kind", "what", "alias", "reason"),
        [
            (
                ["tool.example.com", HOST],
                "refusal",
                "outside_domain",
                "tool.example.com",
                "is reported so; it is in none of Cisco's domains.",
            ),
            (
                ["notcisco.com", HOST],
                "refusal",
                "outside_domain",
                "notcisco.com",
                "is reported so; it is in none of Cisco's domains.",
            ),
            (
                ["*.cisco.com"],
                "note",
                "too_wide",
                "*.cisco.com",
                "is reported so; as an alias it would match other servers too.",
            ),
            (
                [OTHER, HOST],
                "note",
                "licensing_host",
                OTHER,
                "is reported so; that is a licensing host itself.",
            ),
            (
                ["login.cisco.com", HOST],
                "refusal",
                "other_host",
                "login.cisco.com",
                f"is reported so, but it is an alias of {OTHER}.",
            ),
        ],
    )
    def test_one_that_cannot_be(
        self, world: World, names: Sequence[str], kind: str, what: str, alias: str, reason: str
    ) -> None:
        self.refreshed(world, f"login.cisco.com,{OTHER},kb,2027-01-31,")
        world.sights = [shows(ONE, *names)]
        plan = world.plan()
        assert told(plan) == {alias_item(kind, what, alias, f"The certificate of {ONE} {reason}")}
        assert [alias["alias"] for alias in plan.aliases] == ["login.cisco.com"]

    def test_one_that_has_a_server_of_its_own(self, world: World) -> None:
        world.sights = [shows(ONE, "tool.cisco.com", HOST)]
        world.named = [
            *says("tool.cisco.com", ONE, "203.0.113.2", "203.0.113.1"),
            *says("x.cisco.com", "10.1.1.1"),
        ]
        reason = f"The certificate of {ONE} is reported so, but DNS has tool.cisco.com at 203.0.113.1."
        assert told(world.plan()) == {alias_item("refusal", "elsewhere", "tool.cisco.com", reason)}
        # The server of another licensing host counts as another server, even if it is new there.
        for address in (OTHERS, NEW):
            world.named = says("tool.cisco.com", address, by=[R1])
            world.answers = [*says(HOST, ONE, TWO), *says(OTHER, OTHERS, NEW)]
            assert "elsewhere" in {item[2] for item in told(world.plan())}

    @pytest.mark.parametrize(
        "problem", ["SERVFAIL", "no answer within 5 seconds", "65 addresses, too many to be believed"]
    )
    @pytest.mark.parametrize("resolver", [R1, R2])
    @pytest.mark.parametrize("kind", [0, 1])
    def test_a_name_whose_own_server_is_not_known_is_not_an_alias(
        self, world: World, problem: str, resolver: str, kind: int
    ) -> None:
        """One lost answer must not make www.cisco.com an alias for good."""
        world.sights = [shows(ONE, HOST, common_names=["www.cisco.com"])]
        world.named = [
            answer._replace(problem=problem)
            if (answer.resolver, answer.kind) == (resolver, KINDS[kind])
            else answer
            for answer in says("www.cisco.com")
        ]
        plan = world.plan()
        assert plan.aliases == []
        reason = (
            f"The certificate of {ONE} is reported so; whether www.cisco.com has another server is not known "
            f"({resolver}: {problem})."
        )
        assert told(plan) == {alias_item("failure", "unanswered", "www.cisco.com", reason)}

    @pytest.mark.parametrize("name", ["tool%2ecisco%2ecom", "\uff54ool.cisco.com", "tool\u3002cisco.com"])
    def test_a_name_that_only_becomes_a_host_by_decoding_is_not_an_alias(
        self, world: World, name: str
    ) -> None:
        world.sights = [shows(ONE, HOST, common_names=[name])]
        plan = world.plan()
        assert plan.aliases == []
        assert {item.what for item in plan.items} == {"no_host"}

    def test_a_name_that_is_only_the_start_of_a_certificates_name_is_not_an_alias(self, world: World) -> None:
        world.sights = [shows(ONE, HOST, common_names=["tool.cisco.com#.evil.example"])]
        plan = world.plan()
        assert plan.aliases == []
        assert {item[:4] for item in told(plan)} == {
            ("refusal", "aliases", "no_host", "tool.cisco.com#.evil.example")
        }

    def test_one_that_dns_has_at_the_same_servers(self, world: World) -> None:
        world.sights = [shows(ONE, "tool.cisco.com", HOST)]
        world.answers += says(HOST, NEW)
        world.named = [*says("tool.cisco.com", ONE, NEW, SIX), *says("x.cisco.com", "203.0.113.1")]
        assert {item[2:4] for item in told(world.plan())} == {("new", "tool.cisco.com"), ("new", f"{NEW}/32")}

    def test_one_of_two_hosts(self, world: World) -> None:
        world.sights = [shows(OTHERS, "both.cisco.com", OTHER), shows(ONE, "both.cisco.com", HOST)]
        reason = f"{SEEN_AT[0].upper()}{SEEN_AT[1:]} is reported so, but one of {OTHER} is too."
        plan = world.plan()
        assert alias_item("refusal", "other_host", "both.cisco.com", reason) in told(plan)
        assert [(alias["alias"], alias["host"]) for alias in plan.aliases] == [("both.cisco.com", OTHER)]

    def test_each_is_told_once(self, world: World) -> None:
        world.sights = [shows(TWO, "tool.cisco.com", HOST), shows(ONE, "tool.cisco.com", HOST)]
        (item,) = world.plan().items
        assert f"in {SEEN_AT};" in item.reason

    @pytest.mark.parametrize(
        ("origin", "last_seen", "is_changed"),
        [("kb", "", True), ("certificate", "2027-01-24", True), ("certificate", "2027-01-25", False)],
    )
    def test_one_that_is_known(self, world: World, origin: str, last_seen: str, is_changed: bool) -> None:
        self.refreshed(world, f"tool.cisco.com,{HOST},{origin},{last_seen},as before")
        world.sights = [shows(ONE, "tool.cisco.com", HOST)]
        plan = world.plan()
        reason = f"Firewalls report {SEEN_AT} so."
        assert told(plan) == (
            {alias_item("change", "seen", "tool.cisco.com", reason)} if is_changed else set()
        )
        (alias,) = plan.aliases
        assert alias == {
            "alias": "tool.cisco.com",
            "host": HOST,
            "origin": origin,
            "last_seen": "2027-01-31" if is_changed else last_seen,
            "note": "as before",
        }

    def test_one_of_the_site_is_none_of_its_business(self, world: World) -> None:
        world.write("tsid_aliases_local", f"alias,host\ntool.cisco.com,{HOST}\n")
        world.sights = [shows(ONE, "tool.cisco.com", HOST)]
        plan = world.plan()
        assert (plan.items, plan.aliases) == ([], [])

    def test_one_that_vanishes_stays(self, world: World) -> None:
        self.refreshed(
            world,
            f"new.cisco.com,{HOST},certificate,2027-01-31,",
            f"old.cisco.com,{HOST},certificate,2026-01-31,",
            f"older.cisco.com,{HOST},certificate,,",
            f"book.cisco.com,{HOST},kb,,",
            f"other.cisco.com,{OTHER},certificate,,",
        )
        world.sights = [shows(ONE, "new.cisco.com", HOST)]
        stays = "No certificate contains it now; it stays, so that older events still resolve. Last seen {}."
        plan = world.plan()
        assert told(plan) == {
            alias_item("note", "vanished", "old.cisco.com", stays.format("2026-01-31")),
            alias_item("note", "vanished", "older.cisco.com", stays.format("never")),
        }
        assert [alias["alias"] for alias in plan.aliases] == sorted(
            ["new.cisco.com", "old.cisco.com", "older.cisco.com", "book.cisco.com", "other.cisco.com"]
        )

    @pytest.mark.parametrize(
        "sight",
        [
            shows(NEW, "tool.cisco.com", HOST),
            shows(ONE, "tool.cisco.com", HOST, sni=HOST),
            shows(OTHERS, "tool.cisco.com", HOST),
            shows(TWO, "tool.cisco.com", HOST),
            hides(ONE),
            shows(ONE, HOST),
            shows(ONE, "72.163.4.38", HOST),
        ],
        ids=["nobody's", "asked with SNI", "another host's", "retired", "unseen", "the host", "an address"],
    )
    def test_what_shows_none(self, world: World, sight: Sight) -> None:
        world.refreshed(f"{TWO}/32,{HOST},s,retired,,2026-12-31,before,,,,")
        world.answers = [*says(HOST, ONE), *says(OTHER, OTHERS)]
        world.sights = [sight]
        plan = world.plan()
        assert {item.table for item in plan.items} <= {"endpoints"}
        assert plan.aliases == []

    def test_a_server_that_dns_does_not_name_shows_none(self, world: World) -> None:
        world.answers += says(HOST, NEW)
        world.sights = [shows("72.163.9.10", "tool.cisco.com", HOST)]
        assert world.plan().aliases == []

    def test_a_new_server_shows_one_too(self, world: World) -> None:
        world.answers += says(HOST, NEW)
        world.sights = [shows(NEW, "tool.cisco.com", HOST)]
        assert [alias["alias"] for alias in world.plan().aliases] == ["tool.cisco.com"]


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (Certificate(["Tools.Cisco.com"], ["a.example"], ["Unit"]), "tools.cisco.com"),
        (Certificate([], ["a.example.", "b.example"], ["Unit"]), "a.example"),
        (Certificate([" "], [], ["Cisco Systems, Inc. "]), "cisco systems, inc"),
        (Certificate([], [], []), ""),
        (Certificate([ONE], [], []), ""),
    ],
)
def test_the_name_that_a_firewall_reports(certificate: Certificate, name: str) -> None:
    assert reported(certificate) == name


def test_the_servers_to_look_at(world: World) -> None:
    world.local("72.163.4.40/32,licences.corp.example", f"72.163.4.41/32,{HOST}")
    world.refreshed(f"{TWO}/32,{HOST},s,retired,,2026-12-31,,,,,", f"72.163.0.0/16,{OTHER},s,active,,,,,,,")
    members = {"tools9.cisco.com": HOST}
    answers = [*says("tools9.cisco.com", NEW, "203.0.113.9", "10.1.1.1"), *says(OTHER, ONE)]
    found = list(targets(world.lookups, answers, members))
    expected = [(NEW, HOST), (ONE, OTHER), (SIX, HOST), (ONE, HOST), ("72.163.4.41", HOST), (OTHERS, OTHER)]
    assert len(found) == len(set(found))
    assert set(found) == {(ip(address), sni) for address, host in expected for sni in ("", host)}
    # Without SNI first: that is how a firewall looks.
    assert [sni for _, sni in found[:5]] == [""] * 5


def test_the_hosts_that_a_refresh_is_about(world: World) -> None:
    world.local("10.9.8.7/32,licences.corp.example", f"10.9.8.8/32,{HOST}")
    assert hosts_of(world.lookups) == {HOST, OTHER}


def test_the_names_to_ask_dns_about(world: World) -> None:
    sights = [
        shows(ONE, "tool.cisco.com"),
        shows(TWO, "toos.cisco.com"),
        shows(SIX, HOST),
        shows(OTHERS, "a.cisco.com"),
        shows(NEW, "*.cisco.com"),
        shows(NEW_SIX, "a.example"),
        shows(NEW, "sni.cisco.com", sni=HOST),
        hides(NEW),
    ]
    assert unknown_names(world.lookups, load_bounds(world.folder), sights) == [
        "a.cisco.com",
        "tool.cisco.com",
    ]


@pytest.mark.parametrize(
    ("host", "lies_in"),
    [
        ("cisco.com", True),
        ("tools.cisco.com", True),
        ("a.b.cisco.com", True),
        ("notcisco.com", False),
        ("cisco.com.example", False),
        ("com", False),
        ("", False),
    ],
)
def test_domains_bound_names(folder: Path, host: str, lies_in: bool) -> None:
    assert load_bounds(folder).has_name(host) is lies_in


def test_a_site_may_add_to_the_bounds(folder: Path) -> None:
    (folder / "cisco_domains_local.csv").write_text("domain\nCisco.Example.\n", encoding="ascii")
    (folder / "tsid_sinkholes_local.csv").write_text("network\n72.163.4.0/24\n", encoding="ascii")
    bounds = load_bounds(folder)
    assert bounds.has_name("tools.cisco.example")
    sinkholes = load_lookups(folder).sinkholes
    assert sinkholes.longest(ip(ONE)) is not None
    assert sinkholes.longest(ip(TWO)) is None
