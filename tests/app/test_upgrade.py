"""One version of the app is installed over another: a site's own files are unchanged and effective.

Earlier releases come from git. Splunk replaces the files of a package; both cases are tested for other files of
the old version: they are kept or removed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import pytest
import trustme

from lab.errors import UsageError
from lab.generator import START
from lab.host.app import copy_data, find_script
from lab.host.host import CommandHost
from lab.host.in_process import InProcessHost
from lab.internet.cisco import addresses_in, internet, records_of, servers_of
from lab.internet.nameserver import has_nsd
from lab.internet.servers import write_authority
from lab.spl.engine import Splunk
from lab.spl.values import Row
from tests.app.test_package import copy_of_the_tree
from tools import package
from tools.package import version_of
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import load_lookups
from tsid.facts.tables import COUNT_COLUMN
from tsid.refresh.publish import as_csv
from tsid.refresh.rows import ALIAS_COLUMNS, ENDPOINT_COLUMNS
from tsid.refresh.script import main
from tsid.refresh.settings import load_settings
from tsid.text import conf

ROOT = Path(__file__).resolve().parents[2]
RELEASES = {"0.1.0": "4ea53f7a57ed147a084eb53f999c0eb7c2947a50"}
"""The commit of each release."""
TIMES = {"0.1.0": 1_767_225_600}
"""The modification time of everything in the package of a release (epoch seconds)."""


def refreshed(columns: Sequence[str], **values: str) -> bytes:
    return as_csv(columns, [{**dict.fromkeys(columns, ""), **values}])


# Files of a site, and of Splunk on its behalf, in the app's folder.
SITE: Mapping[str, bytes] = {
    "lookups/cisco_licensing_endpoints_local.csv": b"network,host\r\n192.0.2.10/32,licences.corp.example\r\n",
    "lookups/tsid_aliases_local.csv": b"alias,host\nold-name.example,licences.corp.example\n",
    "lookups/cisco_licensing_endpoints_refreshed.csv": refreshed(
        ENDPOINT_COLUMNS, network="198.51.100.7/32", host="tools.cisco.com", status="active", misses="1"
    ),
    "lookups/cisco_licensing_endpoints_refreshed.csv.bak": b"network,host\n",
    "lookups/tsid_aliases_refreshed.csv": refreshed(
        ALIAS_COLUMNS, alias="tool.cisco.com", host="tools.cisco.com", origin="certificate"
    ),
    "lookups/my_licensing_endpoints.csv": b"network,host\n",
    "local/tsidrefresh.conf": b"[refresh]\ntimeout = 9\n",
    "local/macros.conf": b"[tsid_events]\ndefinition = index=firewall\n",
    "local/savedsearches.conf": b"[TSID: licensing traffic blocked]\ndisabled = 0\n",
    "metadata/local.meta": b"[macros/tsid_events]\nowner = admin\n",
}
EVENTS = [
    {"dest_ip": "192.0.2.10", "url": "https://old-name.example/x"},
    {"dest_ip": "198.51.100.7", "url": "https://tool.cisco.com"},
    {"dest_ip": "72.163.4.38", "url": "https://toos.cisco.com"},
]


def install(archive: Path, app: Path, *, others: bool = True) -> None:
    """Install a package as Splunk does, with the times that it has in the package.

    Args:
        archive: the package.
        app: the app's folder, where another version may be.
        others: keep files that are neither in the package nor the site's own.
    """
    with tarfile.open(archive) as package_:
        members = {PurePosixPath(m.name).relative_to(package.APP): m for m in package_ if m.isreg()}
        for path in [] if others else [path for path in app.rglob("*") if path.is_file()]:
            name = PurePosixPath(path.relative_to(app).as_posix())
            if name not in members and str(name) not in SITE and name.parts[:2] != ("bin", "lib"):
                path.unlink()
        for name, member in members.items():
            path = app / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = package_.extractfile(member)
            assert content is not None
            path.write_bytes(content.read())
            os.utime(path, (member.mtime, member.mtime))


def answers(app: Path, events: Sequence[Mapping[str, str]] = EVENTS) -> list[tuple[object, ...]]:
    """Return the app's answers for the events."""
    found = CommandHost(app, "tsidenrich").run(events).raise_for_error().events
    return [tuple(event[name] for name in ("tsid_verdict", "tsid_host", "url")) for event in found]


IN_FORCE = [
    ("aliased", "licences.corp.example", "https://licences.corp.example/x"),
    ("aliased", "tools.cisco.com", "https://tools.cisco.com"),
    ("aliased", "tools.cisco.com", "https://tools.cisco.com"),
]


@pytest.fixture(
    scope="session", params=[pytest.param(version, marks=pytest.mark.history) for version in RELEASES]
)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package of an earlier release, without ``bin/lib``."""
    version: str = request.param
    commit = RELEASES[version]
    parts = [
        "LICENSE",
        "README.md",
        "app.manifest",
        *("bin", "default", "docs", "lookups", "metadata", "static"),
    ]
    path = tmp_path_factory.mktemp("release") / f"tsidenrich-{version}.tgz"
    archive = io.BytesIO(_git("archive", "--format=tar", commit, "app.conf", *parts))
    with tarfile.open(path, "w:gz") as made, tarfile.open(fileobj=archive) as tree:
        for member in tree:
            # A link in the repository, a file in the package.
            if member.isreg():
                name = "default/app.conf" if member.name == "app.conf" else member.name
                info = tarfile.TarInfo(f"{package.APP}/{name}")
                info.size, info.mtime = member.size, TIMES[version]
                made.addfile(info, tree.extractfile(member))
    return path


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments],  # noqa: S607
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"earlier releases are in git: {error}")
    return done.stdout


@pytest.fixture
def app(packaged_app: Path, tmp_path: Path) -> Path:
    """Return a folder for the app, with the libraries that `release` lacks."""
    shutil.copytree(packaged_app / "bin" / "lib", tmp_path / "etc" / "apps" / "tsidenrich" / "bin" / "lib")
    return tmp_path / "etc" / "apps" / "tsidenrich"


@pytest.mark.parametrize("others", [True, False], ids=["others stay", "others go"])
def test_site_files_survive_every_upgrade_and_downgrade_and_stay_in_force(
    release: Path, others: bool, package_file: Path, app: Path
) -> None:
    for number, archive in enumerate((release, package_file, release, package_file, package_file)):
        install(archive, app, others=others)
        if number == 0:
            for name, content in SITE.items():
                (app / name).parent.mkdir(exist_ok=True)
                (app / name).write_bytes(content)
        assert {name: (app / name).read_bytes() for name in SITE} == SITE
        assert answers(app) == IN_FORCE
        rows = CommandHost(app, "tsidlookup").run((), "table=endpoints").raise_for_error().events
        assert {str(row["network"]): row["file"] for row in rows if row["network"] in MINE} == MINE
    assert load_settings(app, {}).timeout == 9


MINE = {
    "192.0.2.10/32": "lookups/cisco_licensing_endpoints_local.csv",
    "198.51.100.7/32": "lookups/cisco_licensing_endpoints_refreshed.csv",
}


def test_the_package_contains_no_site_file(package_file: Path) -> None:
    with tarfile.open(package_file) as archive:
        names = {member.name.partition("/")[2] for member in archive}
    assert not names & SITE.keys()
    assert not [name for name in names if name.startswith("local/") or name.endswith("local.meta")]


def test_bytecode_of_another_version_is_not_run(package_file: Path, app: Path, tmp_path: Path) -> None:
    install(package_file, app)
    reason = "which lookups/tsid_aliases.csv lists as an alias of that host"
    before = CommandHost(app, "tsidenrich").run(EVENTS[2:]).raise_for_error().events
    assert reason in str(before[0]["tsid_reason"])
    assert list((app / "bin" / "tsid" / "decision" / "__pycache__").glob("wording.*.pyc"))
    # A change that leaves the size of the file as it was.
    (tmp_path / "other").mkdir()
    tree = copy_of_the_tree(tmp_path / "other")
    wording = tree / "bin" / "tsid" / "decision" / "wording.py"
    wording.write_bytes(
        wording.read_bytes().replace(b"which {alias_file} lists", b"which {alias_file} names")
    )
    version = version_of().encode()
    (tree / "app.conf").write_bytes((tree / "app.conf").read_bytes().replace(version, version + b"1"))
    install(package.build(tree, tmp_path / "dist"), app)
    after = CommandHost(app, "tsidenrich").run(EVENTS[2:]).raise_for_error().events
    assert reason.replace("lists", "names") in str(after[0]["tsid_reason"])


# Names that a site's searches and dashboards may use.
def test_commands_options_and_columns_of_a_release_are_still_there(
    release: Path, packaged_app: Path, app: Path
) -> None:
    install(release, app)
    for name in ("commands", "transforms", "macros", "searchbnf"):
        stanzas = [conf.read(folder / "default" / f"{name}.conf").keys() for folder in (app, packaged_app)]
        assert stanzas[0] <= stanzas[1], f"default/{name}.conf"
    for path in (app / "lookups").glob("*.csv"):
        old, new = (
            set(next(csv.reader(io.StringIO((folder / path.name).read_text(encoding="utf-8")))))
            for folder in (path.parent, packaged_app / "lookups")
        )
        assert old <= new, path.name
    for command in ("tsidenrich", "tsidlookup"):
        options = [
            {
                name.partition("-")[2]
                for name in conf.read(folder / "default" / "searchbnf.conf")
                if name.startswith(f"{command}-")
            }
            for folder in (app, packaged_app)
        ]
        assert options[0] <= options[1]
        assert find_script(packaged_app, command)
    columns = [
        {name for event in CommandHost(each, "tsidenrich").run(EVENTS).events for name in event}
        for each in (app, packaged_app)
    ]
    assert columns[0] <= columns[1]


def test_a_command_that_an_older_version_lacks_is_refused_by_splunk_itself(
    release: Path, package_file: Path, app: Path
) -> None:
    install(package_file, app)
    install(release, app)
    # Its script is still there; its stanza is not.
    assert (app / "bin" / "tsidrisk.py").is_file()
    with pytest.raises(UsageError, match=r"no stanza \[tsidrisk\]"):
        CommandHost(app, "tsidrisk")


def test_code_and_shipped_tables_of_different_versions_work_together(
    release: Path, package_file: Path, app: Path, tmp_path: Path
) -> None:
    # As on an indexer during an update, or where a deployer does not update lookups.
    for code, tables in ((package_file, release), (release, package_file)):
        install(code, app, others=False)
        install(tables, tmp_path / "tables", others=False)
        shutil.copytree(tmp_path / "tables" / "lookups", app / "lookups", dirs_exist_ok=True)
        assert answers(app, EVENTS[2:]) == IN_FORCE[2:]


def push(archive: Path, app: Path) -> None:
    """Let a deployer push a package to a member, as Splunk's app.conf.spec says.

    What the member already has under ``lookups/`` it keeps, unless the pushed app says ``always_overwrite``. Files that
    are not in the package stay.
    """
    with tarfile.open(archive) as package_:
        content = package_.extractfile(f"{package.APP}/default/app.conf")
        assert content is not None
        pushed = conf.parse(content.read().decode("utf-8"))
    mode = pushed.get("shclustering", {}).get("deployer_lookups_push_mode", "always_preserve")
    assert mode in ("preserve_lookups", "always_preserve", "always_overwrite")
    kept = {path: path.read_bytes() for path in (app / "lookups").glob("*")}
    install(archive, app)
    if mode != "always_overwrite":
        for path, data in kept.items():
            path.write_bytes(data)


def outdated(app: Path) -> set[str]:
    """Return the shipped tables that `| tsidlookup table=files` says are not those of this version."""
    rows = CommandHost(app, "tsidlookup").run((), "table=files").raise_for_error().events
    problems = {str(row["file"]) for row in rows if row.get("problem")}
    assert problems == {str(row["file"]) for row in rows if row.get("as_shipped") == "false"}
    return problems


def test_a_deployer_brings_the_shipped_tables_and_leaves_the_sites_own(
    release: Path, package_file: Path, app: Path
) -> None:
    push(release, app)
    for name, data in SITE.items():
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).write_bytes(data)
    push(package_file, app)
    assert {name: (app / name).read_bytes() for name in SITE} == SITE
    with tarfile.open(package_file) as archive:
        for member in archive:
            if member.isreg() and member.name.startswith(f"{package.APP}/lookups/"):
                content = archive.extractfile(member)
                assert content is not None
                assert (app / "lookups" / Path(member.name).name).read_bytes() == content.read(), member.name
    assert outdated(app) == set()
    assert answers(app) == IN_FORCE


def test_a_member_that_kept_its_old_tables_is_noticed(release: Path, package_file: Path, app: Path) -> None:
    install(release, app)
    old = {path.name: path.read_bytes() for path in (app / "lookups").glob("*.csv")}
    install(package_file, app)
    new = {path.name: path.read_bytes() for path in (app / "lookups").glob("*.csv")}
    changed = {name for name, data in old.items() if data != new[name]}
    assert changed
    for name, data in old.items():
        (app / "lookups" / name).write_bytes(data)
    for name, data in SITE.items():
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).write_bytes(data)
    assert outdated(app) == changed


READ = {
    "as in 0.1.0": "network,host,service,status,valid_from,valid_until,source,last_seen\n"
    "192.0.2.9/32,tools.cisco.com,x,active,,,y,\n",
    "required columns only": "network,host\n192.0.2.9/32,tools.cisco.com\n",
    "before rows could end": "network,host,service,status,source\n192.0.2.9/32,tools.cisco.com,x,active,y\n",
    "another order": "last_seen,host,status,network\n2026-01-01,tools.cisco.com,active,192.0.2.9/32\n",
    "columns of a newer version": "network,region,host,weight\n192.0.2.9/32,emea,tools.cisco.com,7\n",
}


@pytest.mark.parametrize("layer", ["local", "refreshed"])
@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_a_lookup_of_another_version_is_read(
    packaged_app: Path, tmp_path: Path, text: str, layer: str
) -> None:
    app = copy_data(packaged_app, tmp_path)
    (app / "lookups" / f"cisco_licensing_endpoints_{layer}.csv").write_text(text, "utf-8")
    event = {"dest_ip": "192.0.2.9", "url": "https://toos.cisco.com"}
    (answer,) = InProcessHost(app, "tsidenrich").run([event]).raise_for_error().events
    assert (answer["tsid_verdict"], answer["tsid_confidence"]) == ("aliased", "high")
    assert f"cisco_licensing_endpoints_{layer}.csv" in str(answer["tsid_reason"])


REFUSED = {
    "a column by another name": (
        "cidr,host\n192.0.2.9/32,a.example\n",
        1,
        "The header row must have these columns",
    ),
    "a column that was dropped": ("network\n192.0.2.9/32\n", 1, "The header row must have these columns"),
    "a value of a newer version": (
        "network,host,status\n192.0.2.9/32,a.example,paused\n",
        2,
        "Use one of active",
    ),
    "a date in another form": (
        "network,host,valid_until\n192.0.2.9/32,a.example,1764000000\n",
        2,
        "YYYY-MM-DD",
    ),
    "no header": ("192.0.2.9/32,a.example\n", 1, "The header row must have these columns"),
}


@pytest.mark.parametrize(("text", "line", "cure"), REFUSED.values(), ids=REFUSED)
def test_a_lookup_of_another_version_that_cannot_be_read_is_left_out_with_the_cure(
    packaged_app: Path, tmp_path: Path, text: str, line: int, cure: str
) -> None:
    app = copy_data(packaged_app, tmp_path)
    path = app / "lookups" / "cisco_licensing_endpoints_local.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(LookupTableError) as caught:
        load_lookups(path.parent)
    assert (caught.value.file, caught.value.line) == (f"lookups/{path.name}", line)
    assert cure in caught.value.cure
    told = InProcessHost(app, "tsidenrich").run(EVENTS).raise_for_error()
    part = "row" if line > 1 else "whole file"
    assert [message.text for message in told.messages] == [
        f"tsidenrich: {caught.value} The {part} is left out."
    ]
    assert told.events == InProcessHost(packaged_app, "tsidenrich").run(EVENTS).events


@pytest.mark.skipif(
    not os.environ.get("CI") and not has_nsd(), reason="the DNS server NSD is missing: apt install nsd"
)
@pytest.mark.parametrize(
    "header",
    ["network,host", "region,host,network", ",".join(ENDPOINT_COLUMNS[:8])],
    ids=["old", "newer", "0.1.0"],
)
def test_a_refresh_brings_its_table_of_another_version_into_the_form_of_this_one(
    packaged_app: Path, tmp_path: Path, header: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "app"
    shutil.copytree(packaged_app, site)
    # DNS knows the first and not the second.
    known = [("72.163.4.38/32", "tools.cisco.com"), ("198.51.100.7/32", "tools.cisco.com")]
    rows = [{"network": network, "host": host} for network, host in known]
    table = site / "lookups" / "cisco_licensing_endpoints_refreshed.csv"
    columns = header.split(",")
    table.write_bytes(as_csv(columns, [{**dict.fromkeys(columns, ""), **row} for row in rows]))
    before = table.read_bytes()
    addresses = addresses_in(load_lookups(packaged_app / "lookups"))
    authority = trustme.CA()
    with internet(tmp_path / "dns", records_of(addresses), servers_of(addresses, authority)) as world:
        bundle = write_authority(authority, tmp_path / "authority.pem")
        given = ["--resolver", world.resolver, "--proxy", world.proxy, "--ca-bundle", str(bundle)]
        main(site, ["--write", *given])
    capsys.readouterr()
    with table.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        written = {row["network"]: row for row in reader}
    assert reader.fieldnames == [*ENDPOINT_COLUMNS, COUNT_COLUMN]
    assert [(written[network]["host"], written[network]["misses"]) for network, _ in known] == [
        ("tools.cisco.com", ""),
        ("tools.cisco.com", "1"),
    ]
    assert table.with_name(f"{table.name}.bak").read_bytes() == before


# The fields of the KV store. Rows that are there keep the names and the kind of value that they were written with:
# a field that is renamed, or whose value means something else, is lost to every row of before. A new one belongs
# here, and every search has to do without it.
SCHEMA = {
    "tsid_devices": "_key device first_seen last_seen last_allowed last_blocked blocked_days blocked_since_allowed "
    "last_block last_rule last_policy last_firewall last_advice firewalls device_said device_said_at device_reason "
    "device_success device_deadline device_deadline_said model_seen seen_as device_words model label excluded",
    "tsid_inventory": "_key alias device name owner site priority",
    "tsid_backfill": "_key device first_seen last_seen last_allowed last_blocked blocked_days last_block firewalls "
    "device_words seen_as",
    "tsid_sightings": "_key sighting firewall tsid_observed host first_seen",
    "tsid_troubles": "_key device state seen",
    "tsid_history": "_key day expired expiring overdue blocked rejected noncompliant unknown healthy",
    "tsid_refresh_report": "_key checked kind table what item host reason advice",
}


def test_the_collections_keep_their_fields_and_types() -> None:
    collections = conf.read(ROOT / "default" / "collections.conf")
    transforms = conf.read(ROOT / "default" / "transforms.conf")
    assert collections.keys() == SCHEMA.keys()
    for name, fields in SCHEMA.items():
        assert transforms[name]["collection"] == name
        assert transforms[name]["fields_list"].split(", ") == fields.split()
        # No field has a type that an older row could violate.
        assert collections[name]["enforceTypes"] == "false"
        assert not [setting for setting in collections[name] if setting.startswith("field.")]


def test_what_an_older_version_leaves_behind_can_be_removed_as_documented(
    release: Path, package_file: Path
) -> None:
    page = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")
    (folders,) = re.findall(r"    cd \S+ && rm -r (.+)", page)
    names = []
    for path in (release, package_file):
        with tarfile.open(path) as archive:
            names.append({PurePosixPath(name).relative_to(package.APP) for name in archive.getnames()})
    left = names[0] - names[1]
    assert left
    assert {name.parts[0] for name in left} <= set(folders.split())
    assert not {name for name in names[1] if str(name) in SITE}


NOW = START + 40 * 86_400
OLD_ROW: Row = {
    "device": "10.9.9.9",
    "first_seen": str(START),
    "last_seen": str(START),
    "last_allowed": str(START),
}
LEDGERS: Mapping[str, Row] = {
    "before blocks were kept": OLD_ROW,
    "before firewalls were kept": {
        **OLD_ROW,
        "last_blocked": str(START + 5),
        "blocked_days": str(START // 86_400),
    }
    | {
        "blocked_since_allowed": "1",
        "last_block": f"{START + 5}|tsid|r|tsid|p|tsid|f|tsid|a",
        "last_rule": "r",
    },
    "with the device as key only": {**OLD_ROW, "device": ""},
    "of a newer version": {**OLD_ROW, "firewalls": "fw-1", "label": "core", "region": "emea", "site": "7"},
}


@pytest.mark.parametrize("row", LEDGERS.values(), ids=LEDGERS)
def test_a_ledger_of_another_version_is_merged_and_read(row: Row, tmp_path: Path) -> None:
    device = OLD_ROW["device"]
    seen: Row = {
        "_time": str(START + 86_400),
        "tsid_device": device,
        "tsid_outcome": "allowed",
        "tsid_answered": "true",
        "host": "fw-2",
    }
    splunk = Splunk(copy_data(ROOT, tmp_path), [seen], NOW, host=InProcessHost)
    splunk.collections = {
        "tsid_devices": {str(device): {**{k: v for k, v in row.items() if v}, "_key": device}}
    }
    (told,) = splunk.run("| `tsid_fleet`")
    assert (told["license_state"], told["last_allowed"]) == ("overdue", str(START))
    splunk.run("* | `tsid_ledger_merge`")
    merged = splunk.collections["tsid_devices"][str(device)]
    assert merged["device"] == device
    assert (merged["first_seen"], merged["last_allowed"]) == (str(START), str(START + 86_400))
    assert set(str(merged["firewalls"]).split("|tsid|")) == {
        "fw-2",
        *str(row.get("firewalls", "fw-2")).split(),
    }
    assert merged.get("label") == row.get("label")
    assert merged.get("last_rule") == row.get("last_rule")


def test_the_first_merge_gives_a_row_that_has_only_its_key_its_device_back(tmp_path: Path) -> None:
    """Lookups, as those of the drilldowns, find a row by its field device, not by its key."""
    splunk = Splunk(copy_data(ROOT, tmp_path), [], NOW, host=InProcessHost)
    row = {name: value for name, value in OLD_ROW.items() if name != "device"}
    splunk.collections = {"tsid_devices": {"10.9.9.9": {**row, "label": "core", "_key": "10.9.9.9"}}}
    drilldowns = splunk.saved["TSID: licence expired"]["action.notable.param.drilldown_searches"]
    licence = json.loads(drilldowns)[1]["search"].replace("$device$", "10.9.9.9")
    assert splunk.run(licence)[0]["license_state"] == "unknown"
    assert len(splunk.run("* | `tsid_ledger_merge`")) == 1
    (told,) = splunk.run(licence)
    assert (told["license_state"], told["label"]) == ("overdue", "core")
    assert splunk.run("* | `tsid_ledger_merge`") == []


def test_every_saved_search_accepts_rows_of_another_version(tmp_path: Path) -> None:
    splunk = Splunk(copy_data(ROOT, tmp_path), [], NOW, host=InProcessHost)
    rows = {f"10.9.9.{number}": row for number, row in enumerate(LEDGERS.values())}
    splunk.collections = {
        "tsid_devices": {device: {**row, "_key": device, "device": device} for device, row in rows.items()}
    }
    named: dict[str, set[object]] = {}
    for name in splunk.saved:
        # These searches ask servers.
        if not name.startswith("TSID refresh"):
            found = splunk.dispatch(name)
            named[name] = {value for row in found for value in (row.get("device"), row.get("tsid_device"))}
    for name in ("TSID report: devices by risk", "TSID: licence renewal overdue"):
        assert rows.keys() <= named[name]


def test_the_documented_backup_restores_the_ledger(tmp_path: Path) -> None:
    page = " ".join((ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8").split())
    copy, back = re.findall(r"`(\| inputlookup .+?)`", page)
    splunk = Splunk(copy_data(ROOT, tmp_path), [], NOW, host=InProcessHost)
    before = {str(row["device"]): {**row, "_key": row["device"]} for row in LEDGERS.values() if row["device"]}
    before["10.9.9.8"] = {"_key": "10.9.9.8", "device": "10.9.9.8", "excluded": "1"}
    for row in before.values():
        row.pop("region", None)
        row.pop("site", None)
    splunk.collections = {"tsid_devices": {key: dict(row) for key, row in before.items()}}
    splunk.run(copy)
    splunk.collections = {}
    splunk.run(back)
    assert splunk.collections["tsid_devices"] == before
    # What came after the copy goes, so that a copy is a whole ledger.
    splunk.collections["tsid_devices"]["10.9.9.7"] = {"_key": "10.9.9.7", "device": "10.9.9.7"}
    splunk.run(back)
    assert splunk.collections["tsid_devices"] == before
