"""The packaged commands as real processes, driven as splunkd drives them; refusals also in this process."""

from __future__ import annotations

import csv
import hashlib
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from fcntl import fcntl
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import SearchFailed
from lab.host.app import copy_data
from lab.host.events import read_events
from lab.host.host import CommandHost, SearchInfo
from lab.host.in_process import InProcessHost
from lab.host.peer import installed_on_peer, tree_digest
from lab.host.search import Result
from lab.host.wire import FrameReader, decode_body, decode_frames, encode_body, encode_frame
from tests.conftest import ROOT
from tests.tools.interpreters import PYTHONS
from tests.tsidsplunk import in_process
from tsid.decision.enrich import OUTPUT_FIELDS

SEED = Path(__file__).resolve().parents[2] / "lab" / "samples" / "fmc_unified_events_seed.tsv"
# No site-packages, no user site: what is neither in the package nor in the standard library is missing.
ALONE = ("-S", "-E", "-s")


@pytest.fixture
def host(packaged_app: Path) -> CommandHost:
    """Return the packaged `tsidenrich` under the Python that runs the tests, cut off from everything else."""
    return CommandHost(packaged_app, "tsidenrich", python_flags=ALONE)


@pytest.fixture
def here(packaged_app: Path) -> InProcessHost:
    """Return `tsidenrich` in this process, for what the process itself does not change."""
    return InProcessHost(packaged_app, "tsidenrich")


def seed_events(**changes: str) -> list[dict[str, Any]]:
    return [{**event, **changes} for event in read_events([str(SEED)])]


def test_the_seed_events_are_canonical(host: CommandHost) -> None:
    events = seed_events()
    answers = host.run(events).raise_for_error().events
    assert len(answers) == 20
    for event, answer in zip(events, answers):
        assert answer["tsid_verdict"] == "canonical"
        assert answer["tsid_host"] == "tools.cisco.com"
        assert answer["tsid_outcome"] == "allowed"
        assert answer["tsid_confidence"] == "high"
        assert answer["tsid_device"] == event["Source IP"]
        assert answer["tsid_ip"] == event["Destination IP"]
        assert answer["URL"] == "https://tools.cisco.com"


def test_the_seed_events_with_the_alias_get_the_true_host(here: InProcessHost) -> None:
    answers = here.run(seed_events(URL="https://toos.cisco.com")).raise_for_error().events
    assert {answer["tsid_verdict"] for answer in answers} == {"aliased"}
    assert {answer["URL"] for answer in answers} == {"https://tools.cisco.com"}
    assert {answer["tsid_observed"] for answer in answers} == {"toos.cisco.com"}


def test_the_command_is_distributed_and_asks_for_the_fields_it_reads(host: CommandHost) -> None:
    getinfo = host.run().getinfo
    assert getinfo["type"] == "streaming"
    assert {"ResponderIP", "url", "AC_RuleAction", "_time", "tsid_observed"} <= set(
        getinfo["required_fields"]
    )
    assert "_raw" not in getinfo["required_fields"]
    assert "_raw" in host.run((), "raw=true").getinfo["required_fields"]


@pytest.mark.parametrize("keep", ["licensing", "flagged"])
def test_a_search_that_drops_events_gets_all_fields(here: InProcessHost, keep: str) -> None:
    events = [
        {"dest": "203.0.113.1"},
        {"dest": "72.163.4.38", "url": "tools.cisco.com"},
        {"dest": "72.163.4.38"},
    ]
    result = here.run(events, f"keep={keep}")
    # What the command reads is extracted, though nothing after it names a field.
    assert result.getinfo["required_fields"] == ["*"]
    kept = ["canonical", "unnamed"] if keep == "licensing" else ["unnamed"]
    assert [event["tsid_verdict"] for event in result.events] == kept


def test_the_metrics_count_rows_and_loads(here: InProcessHost) -> None:
    events = [
        {"dest": "203.0.113.1"},
        {"dest": "72.163.4.38", "url": "toos.cisco.com"},
        {"dest": "72.163.4.38", "url": "tools.cisco.com"},
    ]
    metrics = here.run(events, "keep=flagged", chunk_rows=2).metrics
    assert metrics.total("tsidenrich.events")[2:] == [3, 1]
    assert metrics.total("tsidenrich.enriched")[2:] == [3, 2]
    assert metrics.total("tsidenrich.rewritten")[2:] == [2, 1]
    seconds, loads, rows, _ = metrics.total("tsidenrich.lookups")
    assert loads == 1
    assert seconds is not None
    assert 0 < seconds < 60
    assert rows is not None
    assert rows > 50


def failure(host: CommandHost, arguments: str) -> str:
    """Return the only message of a search that must fail."""
    result = host.run([{"dest": "72.163.4.38"}], arguments)
    assert isinstance(result.failure, SearchFailed)
    assert result.events == []
    assert len(result.messages) == 1
    assert result.messages[0].level == "ERROR"
    return result.messages[0].text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            "kep=all",
            ["unknown option kep (did you mean keep?)", "device, ip, keep, name, prefix, raw, rewrite"],
        ),
        ("tsid", ["unexpected argument tsid", "the options are"]),
        ("keep=some", ["keep=some", "all, licensing, flagged"]),
        ("raw=perhaps", ["raw=perhaps", "true or false"]),
        ('rewrite=""', ["rewrite=", "true or false"]),
        ('ip=""', ["ip=", "name of a field"]),
        ("prefix=9lives", ["prefix=9lives", "start with a letter"]),
        ('prefix="a b"', ["prefix=a b", "start with a letter"]),
        ("keep={0}", ["keep={0}", "all, licensing, flagged"]),
        ("{}={}", ["unknown option {}"]),
        ("keep=some raw=perhaps", ["keep=some", "raw=perhaps"]),
        # The SDK's own options: the first would run code from the file.
        ("logging_configuration=/etc/passwd", ["unknown option logging_configuration"]),
        ("logging_level=DEBUG", ["unknown option logging_level"]),
        ("record=t", ["unknown option record"]),
        ("show_configuration=t", ["unknown option show_configuration"]),
    ],
)
def test_a_wrong_option_ends_the_search_with_one_message(arguments: str, words: list[str]) -> None:
    message = refusal("tsidenrich", *shlex.split(arguments))
    assert message.startswith("tsidenrich: ")
    for word in words:
        assert word in message


def test_a_process_with_wrong_options_ends_with_one_message(host: CommandHost) -> None:
    arguments = 'keep=some {}={} raw=perhaps prefix="a b" logging_configuration=/etc/passwd'
    assert failure(host, arguments) == refusal("tsidenrich", *shlex.split(arguments))


def refusal(command: str, *arguments: str) -> str:
    """Return the only message of a search that must fail, with the command in this process."""
    searchinfo = {
        **asdict(SearchInfo()),
        "args": arguments,
        "raw_args": arguments,
        "dispatch_dir": "/",
        "search": "",
    }
    said = in_process.run(
        command, encode_frame({"action": "getinfo", "preview": False, "searchinfo": searchinfo})
    )
    ((level, text),) = [
        message for frame in said.frames for message in frame.metadata["inspector"]["messages"]
    ]
    assert (level, said.status, said.stderr) == ("ERROR", 1, "")
    assert all(frame.body == b"" for frame in said.frames)
    return str(text)


@pytest.mark.parametrize(
    "arguments", ["KEEP=all", "keep=ALL", "raw=T", "rewrite=0", 'ip="Destination IP"', "prefix=x_"]
)
def test_right_options_in_any_spelling_of_splunk(here: InProcessHost, arguments: str) -> None:
    result = here.run(seed_events(), arguments)
    # Option names are exact, as in Splunk's own commands.
    assert result.failed is arguments.startswith("KEEP")


@pytest.mark.parametrize(
    ("file", "content", "place"),
    [
        ("cisco_licensing_endpoints.csv", None, "lookups/cisco_licensing_endpoints.csv: the file is missing"),
        ("tsid_aliases.csv", b"alias,note\n", "lookups/tsid_aliases.csv, line 1: column host is missing"),
        (
            "cisco_networks.csv",
            b"network,asn\n10.0.0.0/33,1\n",
            "lookups/cisco_networks.csv, line 2: network",
        ),
        (
            "tsid_relays.csv",
            b"network\n10.0.0.0/8\n10.0.0.0/8\n",
            "lookups/tsid_relays.csv, line 3: the same",
        ),
        (
            "tsid_fields.csv",
            "role,rank,field\n".encode("utf-16"),
            "lookups/tsid_fields.csv, line 1: the file is UTF-16",
        ),
        (
            "tsid_actions.csv",
            b"value,match,outcome\n\xff,exact,blocked\n",
            "lookups/tsid_actions.csv, line 2: byte",
        ),
        (
            "tsid_aliases_refreshed.csv",
            b"alias,host\n{x},{0}\n",
            "lookups/tsid_aliases_refreshed.csv, line 2: host '{0}'",
        ),
    ],
)
@pytest.mark.parametrize("command", ["tsidenrich", "tsidlookup"])
def test_a_broken_lookup_ends_the_search_with_file_line_and_cure(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    file: str,
    content: bytes | None,
    place: str,
) -> None:
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    monkeypatch.setattr(f"{command}.LOOKUPS", folder)
    message = refusal(command)
    assert message.startswith(f"{command}: {place}")
    assert re.search(r"\. [A-Z][^.]*.*\.$", message), "the cure is missing"


@pytest.mark.parametrize("command", ["tsidenrich", "tsidlookup"])
def test_a_process_with_a_broken_lookup_ends_with_file_line_and_cure(
    packaged_app: Path, tmp_path: Path, command: str
) -> None:
    app = tmp_path / "tsidenrich"
    shutil.copytree(packaged_app, app)
    (app / "lookups" / "tsid_aliases.csv").write_bytes(b"alias,note\n")
    message = failure(CommandHost(app, command, python_flags=ALONE), "")
    assert message.startswith(f"{command}: lookups/tsid_aliases.csv, line 1: column host is missing")


BROKEN_LOCAL = {
    "tsidenrich": ("tsid_aliases_local.csv", "alias,host\nx.example,nowhere.example\n", [{"dest": "72.163.4.38"}] * 9),
    "tsidlookup": ("tsid_aliases_local.csv", "alias,host\nx.example,nowhere.example\n", []),
    "tsidrisk": ("license_clocks_local.csv", "model,expire_days\nours,soon\n", [{"last_allowed": "1"}] * 9),
}  # fmt: skip


@pytest.mark.parametrize("command", BROKEN_LOCAL)
def test_a_broken_local_row_is_warned_of_once_in_however_many_chunks(tmp_path: Path, command: str) -> None:
    app = copy_data(ROOT, tmp_path)
    file, content, events = BROKEN_LOCAL[command]
    (app / "lookups" / file).write_text(content, "utf-8")
    result = InProcessHost(app, command).run(events, chunk_rows=2).raise_for_error()
    ((level, text),) = result.messages
    assert level == "WARN"
    assert text.startswith(f"{command}: lookups/{file}, line 2: ")
    assert text.endswith(" The row is left out.")
    assert len(result.events) >= len(events)


@pytest.mark.parametrize("python", PYTHONS)
def test_on_an_indexer_it_reads_only_and_needs_only_the_bundle(
    packaged_app: Path, tmp_path: Path, python: str
) -> None:
    with installed_on_peer(packaged_app, tmp_path) as app:
        before = tree_digest(tmp_path)
        result = CommandHost(app, "tsidenrich", python=python, python_flags=ALONE, peer=True).run(
            seed_events()
        )
        assert tree_digest(tmp_path) == before
    assert [event["tsid_verdict"] for event in result.raise_for_error().events] == ["canonical"] * 20


@pytest.mark.parametrize("python", PYTHONS)
def test_nothing_is_imported_from_outside_the_app_and_the_standard_library(
    packaged_app: Path, python: str
) -> None:
    result = CommandHost(packaged_app, "tsidenrich", python=python, python_flags=(*ALONE, "-v")).run(
        seed_events()
    )
    loaded = re.findall(r"^# code object from '?(.*?)'?$", result.stderr, re.MULTILINE)
    loaded += re.findall(r"^# \S+ matches (\S+\.py)$", result.stderr, re.MULTILINE)
    for library in ("splunklib", "netaddr", "cachetools"):
        assert any(path.startswith(str(packaged_app / "bin" / "lib" / library)) for path in loaded)
    assert [path for path in loaded if "site-packages" in path or "dist-packages" in path] == []


ROWS: list[dict[str, Any]] = [
    {"dest": "72.163.4.38", "url": "https://toos.cisco.com/a,b"},
    {"dest": "203.0.113.1", "url": "https://tools.cisco.com"},
    {"dest": "72.163.4.38", "note": 'quotes " and ""', "user": "Jürgen 山田"},
    {"dest": ["10.0.0.1", "72.163.4.38"], "url": ["https://a.example", "https://toos.cisco.com"]},
    {"dest": "203.0.113.1", "note": "two\nlines\r\nand , commas", "tag": ["network", "communicate"]},
    {"dest": "203.0.113.1", "note": " leading and trailing "},
    {"src": "72.163.4.38", "src_port": "443", "dest": "10.1.1.1"},
    {"money": ["$", "$$;", "a;b"], "note": "="},
    {"_raw": "%FTD-1-430003: DstIP: 72.163.4.38, URL: https://tools.cisco.com"},
    {},
]


def search(events: Sequence[dict[str, Any]], arguments: str, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return the events that `tsidenrich` returns, in this process; the sizes are those of the chunks in rows."""
    columns = list(dict.fromkeys(name for event in events for name in event))
    args = arguments.split()
    searchinfo = {**asdict(SearchInfo()), "args": args, "raw_args": args, "dispatch_dir": "/", "search": ""}
    requests = [encode_frame({"action": "getinfo", "preview": False, "searchinfo": searchinfo})]
    rest = list(events)
    for size in [*sizes, len(rest)]:
        body = encode_body(rest[:size], columns)
        del rest[:size]
        requests.append(encode_frame({"action": "execute", "finished": not rest}, body))
        if not rest:
            break
    said = in_process.run("tsidenrich", b"".join(requests))
    assert (said.status, said.stderr, len(said.frames)) == (0, "", len(requests))
    return [event for frame in said.frames for event in decode_body(frame.body).records]


# Each example starts the command three times.
@settings(max_examples=settings().max_examples // 10)
@given(st.data())
def test_chunks_shards_and_orders_change_no_answer(data: st.DataObject) -> None:
    arguments = data.draw(
        st.sampled_from(["", "raw=true", "keep=licensing", "rewrite=false", "keep=flagged raw=true"])
    )
    shuffler = random.Random(data.draw(st.integers(0, 2**32)))
    numbers = data.draw(st.lists(st.integers(0, len(ROWS) - 1), max_size=12))
    events = [{"number": str(place), **ROWS[number]} for place, number in enumerate(numbers)]
    expected = {str(event["number"]): event for event in search(events, arguments, [])}

    shuffled = []
    for event in shuffler.sample(events, len(events)):
        names = list(event)
        shuffler.shuffle(names)
        shuffled.append({name: event[name] for name in names})
    cut = shuffler.randint(0, len(shuffled))
    sizes = [shuffler.randint(1, 4) for _ in shuffled]
    answers: list[dict[str, Any]] = []
    for shard in (shuffled[:cut], shuffled[cut:]):
        found = search(shard, arguments, sizes)
        order = [event["number"] for event in shard]
        returned = [event["number"] for event in found]
        assert returned == [number for number in order if number in set(returned)]
        answers += found
    assert {str(event["number"]): filled(event) for event in answers} == {
        number: filled(event) for number, event in expected.items()
    }


@pytest.mark.parametrize("arguments", ["", "raw=true", "keep=licensing"])
def test_other_columns_come_out_as_they_went_in(packaged_app: Path, arguments: str) -> None:
    here = InProcessHost(packaged_app, "tsidenrich", wanted=["*"])
    events = [{"number": str(place), **row} for place, row in enumerate(ROWS)]
    result = here.run(events, arguments).raise_for_error()
    assert all(set(OUTPUT_FIELDS) <= set(columns) for columns in result.columns if columns)
    if arguments != "keep=licensing":
        assert len(result.events) == len(events)
    for answer in result.events:
        event = events[int(str(answer["number"]))]
        rest = {name: value for name, value in filled(answer).items() if not name.startswith("tsid_")}
        assert {**rest, "url": ""} == {**event, "url": ""}


@pytest.mark.parametrize("arguments", ["", "raw=true", "keep=flagged"])
def test_twice_equals_once(here: InProcessHost, arguments: str) -> None:
    once = here.run(ROWS, arguments).raise_for_error()
    twice = here.run(once.events, arguments).raise_for_error()
    assert list(map(filled, twice.events)) == list(map(filled, once.events))


def filled(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without its empty fields: neither Splunk nor the host distinguishes them from absent fields."""
    return {name: value for name, value in event.items() if value != ""}


class TestLookup:
    """`| tsidlookup`."""

    def run(self, app: Path, arguments: str) -> Result:
        return InProcessHost(app, "tsidlookup").run((), arguments).raise_for_error()

    def test_the_rows_are_those_of_the_file(self, packaged_app: Path) -> None:
        with (packaged_app / "lookups" / "cisco_licensing_endpoints.csv").open(
            encoding="utf-8", newline=""
        ) as file:
            expected = [
                filled({**row, "file": "lookups/cisco_licensing_endpoints.csv", "rows": ""})
                for row in csv.DictReader(file)
            ]
        host = CommandHost(packaged_app, "tsidlookup", python_flags=ALONE)
        rows = host.run((), "table=endpoints").raise_for_error().events
        key = "network", "host"
        assert sorted(rows, key=lambda row: [row[name] for name in key]) == sorted(
            expected, key=lambda row: [row[name] for name in key]
        )
        lengths = [int(str(row["network"]).split("/")[1]) for row in rows]
        assert lengths == sorted(lengths, reverse=True)

    def test_layers_are_merged_and_named(self, packaged_app: Path, tmp_path: Path) -> None:
        app = tmp_path / "tsidenrich"
        shutil.copytree(packaged_app, app)
        (app / "lookups" / "tsid_aliases_local.csv").write_text(
            "alias,host,ticket\ntoos.cisco.com,tools.cisco.com,42\nnew.cisco.com,tools.cisco.com,43\n",
            "utf-8",
        )
        rows = {str(row["alias"]): row for row in self.run(app, "table=aliases").events}
        assert rows["toos.cisco.com"]["file"] == "lookups/tsid_aliases_local.csv"
        assert rows["new.cisco.com"]["ticket"] == "43"
        assert rows["tools1.cisco.com"]["file"] == "lookups/tsid_aliases.csv"
        assert "ticket" not in rows["tools1.cisco.com"]

    @pytest.mark.parametrize("table", ["networks", "relays"])
    def test_the_tables_of_networks_and_relays_have_a_network_in_each_row(
        self, packaged_app: Path, table: str
    ) -> None:
        assert all(row["network"] for row in self.run(packaged_app, f"table={table}").events)

    def test_the_versions_of_the_files_are_those_of_this_host(self, packaged_app: Path) -> None:
        rows = self.run(packaged_app, "table=files").events
        files = sorted((packaged_app / "lookups").glob("*.csv"))
        assert [row["file"] for row in rows] == [path.name for path in files]
        assert {row["host"] for row in rows} == {socket.gethostname()}
        for row, path in zip(rows, files):
            assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            with path.open(encoding="utf-8", newline="") as file:
                assert row["rows"] == str(len(list(csv.DictReader(file))))

    def test_problems_are_all_rows_that_are_left_out_of_local_files(self, tmp_path: Path) -> None:
        app = copy_data(ROOT, tmp_path)
        broken = {
            "tsid_aliases": "alias,host\nx.example,nowhere.example\ny.example,tools.cisco.com\nz.example,\n",
            "license_clocks": "model,expire_days\nours,soon\n",
            "tsid_sinkholes": "network\nnowhere\n",
            "cisco_domains": "name\ncisco.com\n",
        }
        assert self.run(app, "table=problems").events == []
        for name, content in broken.items():
            (app / "lookups" / f"{name}_local.csv").write_text(content, "utf-8")
        rows = self.run(app, "table=problems").events
        assert [(row["file"], row["line"], row["left_out"]) for row in rows] == [
            ("lookups/tsid_aliases_local.csv", "2", "row"),
            ("lookups/tsid_aliases_local.csv", "4", "row"),
            ("lookups/tsid_sinkholes_local.csv", "2", "row"),
            ("lookups/license_clocks_local.csv", "2", "row"),
            ("lookups/cisco_domains_local.csv", "1", "file"),
        ]
        assert all(row["problem"] and row["cure"] for row in rows)

    def test_the_prefilter_is_one_expression(self, packaged_app: Path) -> None:
        (row,) = self.run(packaged_app, "table=candidates").events
        assert list(row) == ["search"]
        assert '"72.163.4.38" OR ' in str(row["search"])

    @pytest.mark.parametrize(
        ("words", "column"), [("", "networks"), ("format=fmc", "body"), ("format=list", "entry")]
    )
    def test_what_to_allow_is_a_table(self, packaged_app: Path, words: str, column: str) -> None:
        rows = self.run(packaged_app, f"table=allow {words}").events
        assert len(rows) > 5 and any(row.get(column) for row in rows)

    def test_a_format_of_another_table_is_refused(self) -> None:
        assert "format is an option of table=allow only" in refusal(
            "tsidlookup", "table=aliases", "format=fmc"
        )
        assert "use one of rows, list, fmc, change" in refusal("tsidlookup", "table=allow", "format=pdf")

    @pytest.mark.parametrize(
        "option", ["logging_configuration", "logging_level", "record", "show_configuration"]
    )
    def test_the_options_of_the_sdk_are_unknown(self, option: str) -> None:
        assert f"unknown option {option}" in refusal("tsidlookup", f"{option}=x")

    def test_an_unknown_table_is_refused(self) -> None:
        assert "use one of endpoints, aliases, networks, relays, candidates" in refusal(
            "tsidlookup", "table=hosts"
        )


def getinfo(app: Path) -> bytes:
    """Return the first request of a search without arguments."""
    searchinfo = {**asdict(SearchInfo()), "args": [], "raw_args": [], "dispatch_dir": str(app), "search": ""}
    return encode_frame({"action": "getinfo", "preview": False, "searchinfo": searchinfo})


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (b"chunked 1.0,9,0\n{}", "metadata from Splunk ends after 2 of 9 bytes"),
        (b"chunked 1.0,20,9\n" + b'{"action":"execute"}abc', "body from Splunk ends after 3 of 9 bytes"),
        (b"nonsense\n", "expected the header of a chunk from Splunk"),
        (encode_frame({"action": "getinfo"}), "expected an execute chunk from Splunk, not getinfo"),
    ],
)
def test_input_that_breaks_off_ends_with_one_message(packaged_app: Path, rest: bytes, words: str) -> None:
    said = in_process.run("tsidenrich", getinfo(packaged_app) + rest)
    _, reply = said.frames
    ((level, text),) = reply.metadata["inspector"]["messages"]
    assert level == "ERROR"
    assert words in text
    assert reply.body == b""
    assert said.status == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports and sets the size of a pipe")
@pytest.mark.parametrize(("before", "after"), [(65536, 262144), (1048576, 1048576)])
def test_pipes_are_widened_and_never_narrowed(packaged_app: Path, before: int, after: int) -> None:
    read_size, write_size = 1032, 1031
    script = packaged_app / "bin" / "tsidenrich.py"
    source, sink = os.pipe()
    try:
        assert fcntl(sink, write_size, before) == before
        os.write(sink, getinfo(packaged_app) + encode_frame({"action": "execute", "finished": True}))
        with subprocess.Popen([sys.executable, str(script)], stdin=source, stdout=subprocess.PIPE) as command:
            # The pipes are widened before the first chunk is read: its reply says that they are.
            frames = FrameReader(cast(BinaryIO, command.stdout))
            frames.read()
            frames.read()
            assert fcntl(sink, read_size) == after
            os.close(sink)
        assert command.returncode == 0
    finally:
        os.close(source)


class TestOldNameOfTheRefreshScript:
    """`tsidrefresh.py` is the search command; with options it is, for one release, the refresh script."""

    @staticmethod
    def start(
        app: Path, script: str, *arguments: str, data: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, *ALONE, str(app / "bin" / script), *arguments],
            input=data,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def test_with_an_option_it_does_what_the_script_does_and_names_its_successor(
        self, packaged_app: Path
    ) -> None:
        new, old = (
            self.start(packaged_app, name, "--status") for name in ("refresh_lookups.py", "tsidrefresh.py")
        )
        assert (old.returncode, old.stdout) == (new.returncode, new.stdout)
        assert new.returncode == 0
        assert b"cisco_licensing_endpoints.csv" in new.stdout
        assert new.stderr == b""
        assert old.stderr.count(b"\n") == 1
        assert old.stderr.startswith(b"tsidrefresh.py: start refresh_lookups.py instead")

    def test_a_wrong_option_is_refused_under_the_scripts_new_name(self, packaged_app: Path) -> None:
        done = self.start(packaged_app, "tsidrefresh.py", "--perhaps")
        assert done.returncode == 4
        assert done.stderr.endswith(b"refresh_lookups.py: unrecognized arguments: --perhaps\n")

    def test_without_an_option_it_is_the_search_command(self, packaged_app: Path) -> None:
        done = self.start(packaged_app, "tsidrefresh.py", data=getinfo(packaged_app))
        (reply,) = decode_frames(done.stdout)
        assert reply.metadata["generating"] is True
        assert (done.returncode, done.stderr) == (0, b"")
