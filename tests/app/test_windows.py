"""The app makes no assumption that fails on Windows: POSIX-only calls, locale, paths, line ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, BinaryIO, cast

import pytest
import trustme

from lab.generator import generate
from lab.host.host import CommandHost
from lab.host.in_process import InProcessHost
from lab.host.search import Result
from lab.host.wire import FrameReader, encode_frame
from lab.internet.nameserver import LOOPBACK, free_port
from lab.internet.servers import write_authority
from tests.refresh import test_publish
from tests.refresh.test_publish import NEW, OLD, PATHS, held
from tests.tsidsplunk.test_command import ALONE, getinfo
from tsid.facts import files
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import load_lookups
from tsid.refresh.publish import FILES, as_csv
from tsid.refresh.safe_files import exclusive_refresh
from tsid.refresh.settings import SettingsError, load_settings

ROOT = Path(__file__).resolve().parents[2]
AS_WINDOWS = str(ROOT / "tests" / "app" / "as_windows.py")

EVENTS = [event for event, _ in generate(300, seed=7, licensing_share=0.4)]
DEVICES = [
    {"device": "10.0.0.1", "last_allowed": "1764000000", "last_blocked": "1764600000"},
    # After the year 3000, the end of time on Windows.
    {"device": "10.0.0.2", "last_allowed": "99999999999"},
    {"device": "10.0.0.3", "first_seen": "1764000000"},
]

RUNS: Mapping[str, tuple[str, str, Sequence[Mapping[str, Any]]]] = {
    "tsidenrich": ("tsidenrich", "raw=true", EVENTS),
    "tsidenrich, shortened": ("tsidenrich", "keep=licensing", EVENTS),
    "tsidrisk": ("tsidrisk", "now=1764700000", DEVICES),
    **{
        f"tsidlookup {table}": ("tsidlookup", f"table={table}", ())
        for table in ("endpoints", "candidates", "files")
    },
}


def answer(host: CommandHost, arguments: str, events: Sequence[Mapping[str, Any]]) -> Result:
    result = host.run(events, arguments, chunk_rows=100).raise_for_error()
    assert (result.stderr, result.exit_code) == ("", 0)
    return result


@pytest.mark.parametrize("run", RUNS)
def test_without_posix_the_commands_answer_the_same(packaged_app: Path, run: str) -> None:
    command, arguments, events = RUNS[run]
    here = answer(InProcessHost(packaged_app, command), arguments, events)
    there = answer(CommandHost(packaged_app, command, python_flags=(*ALONE, AS_WINDOWS)), arguments, events)
    assert there.events
    assert there.events == here.events
    assert there.columns == here.columns


@pytest.mark.parametrize(("what", "quiet"), [("all", True), ("stdout", False)])
def test_a_closed_pipe_ends_the_command_quietly_where_it_is_an_invalid_argument(
    packaged_app: Path, what: str, quiet: bool
) -> None:
    with subprocess.Popen(
        [sys.executable, *ALONE, AS_WINDOWS, str(packaged_app / "bin" / "tsidenrich.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "AS_WINDOWS": what},
    ) as command:
        pipe, output = cast(BinaryIO, command.stdin), cast(BinaryIO, command.stdout)
        pipe.write(getinfo(packaged_app))
        pipe.flush()
        assert FrameReader(output).read() is not None
        output.close()
        pipe.write(encode_frame({"action": "execute", "finished": False}, b"url\nx\n"))
        pipe.flush()
        said = cast(BinaryIO, command.stderr).read().decode()
    assert (command.returncode == 0) == quiet
    assert ("Invalid argument" in said) != quiet
    assert (said == "") == quiet


@pytest.fixture
def far_away(packaged_app: Path, tmp_path: Path) -> Path:
    """Return the app in a folder with blanks and non-ASCII letters, with such rows of the site as well."""
    app = tmp_path / "Program Files (x86)" / "Jörg Ж" / "tsidenrich"
    shutil.copytree(packaged_app, app)
    (app / "lookups" / "cisco_licensing_endpoints_local.csv").write_text(
        "network,host,source\n192.0.2.7/32,tools.cisco.com,Jörg – Ж\n", "utf-8"
    )
    return app


# With the locale's encoding only ASCII could be read here.
ASCII = {
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "SPLUNK_HOME": "C:\\Program Files\\Splunk",
}
# Python 3.10 and later warn about every file that is opened without an encoding.
NAMED = ("-s", "-X", "warn_default_encoding", "-W", "error::EncodingWarning")


def quiet(stderr: str) -> bool:
    """Python 3.9 does not have this warning, and says so."""
    return all("EncodingWarning" in line and "Invalid -W option" in line for line in stderr.splitlines())


def test_the_locale_does_not_matter(far_away: Path) -> None:
    for run in ("tsidenrich", "tsidrisk", "tsidlookup endpoints"):
        command, arguments, events = RUNS[run]
        here = InProcessHost(far_away, command).run(events, arguments).raise_for_error()
        host = CommandHost(far_away, command, python_flags=NAMED, environment=ASCII)
        there = host.run(events, arguments).raise_for_error()
        assert there.events
        assert there.events == here.events
        assert quiet(there.stderr)


def script(app: Path, arguments: Sequence[str], *flags: str, **environment: str) -> tuple[int, str]:
    """Run the refresh script; return its exit status and its output."""
    done = subprocess.run(
        [sys.executable, *flags, str(app / "bin" / "refresh_lookups.py"), *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert quiet(done.stderr.decode()), done.stderr
    return done.returncode, done.stdout.decode("latin-1")


@pytest.mark.parametrize(
    ("encoding", "shown"), [("cp1252", "J\xf6rg \x96 \\u0416"), ("ascii", "J\\xf6rg \\u2013 ")]
)
def test_a_console_without_all_letters_shows_their_numbers(far_away: Path, encoding: str, shown: str) -> None:
    status, text = script(far_away, ["--status"], *NAMED, **{**ASCII, "PYTHONIOENCODING": encoding})
    assert status == 0
    assert shown in text


def test_without_posix_the_refresh_locks_reads_its_settings_and_asks_dns(far_away: Path) -> None:
    (far_away / "local").mkdir()
    # As Notepad writes it.
    (far_away / "local" / "tsidrefresh.conf").write_bytes(
        b"\xef\xbb\xbf[refresh]\r\ntimeout = 1\r\nattempts = 1\r\ntls = false"
    )
    before = sorted((far_away / "lookups").iterdir())
    bundle = write_authority(trustme.CA(), far_away / "authority.pem")
    arguments = ["--write", "--resolver", f"{LOOPBACK}:{free_port()}", "--ca-bundle", str(bundle)]
    status, text = script(far_away, arguments, *ALONE, AS_WINDOWS)
    assert status == 3
    assert "no answer within 1 seconds" in text
    lock = far_away / "lookups" / "tsidrefresh.lock.tmp"
    assert sorted(path for path in (far_away / "lookups").iterdir() if path != lock) == before


#: The lookups with the old tables, next to a folder with the new ones.
folder = test_publish.folder

# Publishes, then reads, in a process of its own. An audit hook denies an operation on a file so many times, like
# Windows while another process has the file open.
HINDERED = """
import os, sys
from pathlib import Path
paths, folder, seconds, event, name, times, *names = sys.argv[1:]
sys.path[:0] = paths.split(os.pathsep)
from tsid.facts import files
from tsid.facts.lookups import load_lookups
from tsid.refresh.publish import publish
files.RETRY_SECONDS = float(seconds) if seconds else files.RETRY_SECONDS
folder = Path(folder)
new = {each: (folder.parent / "new" / each).read_bytes() for each in names}
met = 0
def hook(what, arguments):
    global met
    if what == event and Path(str(arguments[1 if event == "os.rename" else 0])).name == name:
        met += 1
        if met <= int(times):
            raise PermissionError(13, "Access is denied", str(arguments[0]), None,
                                  str(arguments[1]) if event == "os.rename" else None)
sys.addaudithook(hook)
try:
    publish(folder, new)
    load_lookups(folder)
except Exception as error:
    print(error)
print(met)
"""


def hindered(folder: Path, seconds: str, event: str, name: str, times: int) -> tuple[str, int]:
    """Return the message, if any, and the number of tries."""
    arguments = [os.pathsep.join(PATHS), str(folder), seconds, event, name, str(times), *FILES]
    done = subprocess.run(
        [sys.executable, "-c", HINDERED, *arguments], capture_output=True, check=True, text=True
    )
    *message, met = done.stdout.splitlines()
    return " ".join(message), int(met)


IN_THE_WAY = [
    ("os.rename", FILES[0]),
    ("os.rename", FILES[1]),
    ("os.rename", f"{FILES[0]}.bak"),
    ("open", FILES[0]),
    ("open", "cisco_networks.csv"),
]


@pytest.mark.parametrize(("event", "name"), IN_THE_WAY)
def test_a_file_that_is_locked_for_an_instant_is_retried(folder: Path, event: str, name: str) -> None:
    message, met = hindered(folder, "60", event, name, 3)
    assert message == ""
    assert met > 3
    assert held(folder) == NEW


@pytest.mark.parametrize(
    ("event", "name", "words"),
    [
        (
            "os.rename",
            FILES[0],
            f"lookups/{FILES[0]} cannot be replaced: Access is denied. The lookups are as before.",
        ),
        (
            "os.rename",
            FILES[1],
            f"lookups/{FILES[1]} cannot be replaced: Access is denied. Written so far: {FILES[0]}.",
        ),
        ("os.rename", f"{FILES[0]}.bak", f"lookups/{FILES[0]}.bak cannot be replaced: Access is denied."),
        (
            "open",
            "cisco_networks.csv",
            "lookups/cisco_networks.csv: the file cannot be read (Access is denied)",
        ),
    ],
)
def test_a_file_that_stays_locked_is_reported(folder: Path, event: str, name: str, words: str) -> None:
    message, met = hindered(folder, "0.2", event, name, 1_000_000)
    assert message.startswith(words)
    assert ("Close the program that has it open" in message) == (event == "os.rename")
    assert met > 1
    # At any point the tables are complete and load.
    assert all(data in (OLD[each], NEW[each]) for each, data in held(folder).items())
    assert (held(folder)[FILES[0]] == NEW[FILES[0]]) == ("Written so far" in message)
    load_lookups(folder)


def test_a_locked_file_is_not_retried_outside_windows(folder: Path) -> None:
    message, met = hindered(folder, "", "os.rename", FILES[0], 1)
    assert message.startswith(f"lookups/{FILES[0]} cannot be replaced")
    assert met == 1


def test_a_folder_without_permission_is_not_taken_for_another_refresh(folder: Path) -> None:
    lock = folder / "tsidrefresh.lock.tmp"
    # Root may write everywhere, so the process changes its user to nobody.
    code = (
        "import os, sys; from pathlib import Path; sys.path[:0] = sys.argv[1].split(os.pathsep)\n"
        "from tsid.refresh.safe_files import exclusive_refresh\n"
        "if not os.getuid(): os.setgid(65534), os.setuid(65534)\n"
        "with exclusive_refresh(Path('.'), 0.1): pass"
    )
    with exclusive_refresh(folder, 0):
        lock.chmod(0o666)
        said = []
        for mode in (0o777, 0o555):
            folder.chmod(mode)
            arguments = [sys.executable, "-B", "-c", code, os.pathsep.join(PATHS)]
            done = subprocess.run(arguments, capture_output=True, check=False, cwd=folder, text=True)
            said.append(done.stderr.splitlines()[-1])
        folder.chmod(0o755)
    assert "Another refresh is running on these lookups" in said[0]
    assert "Nothing can be written to .: Permission denied" in said[1]
    assert not list(folder.glob("tsidrefresh.*[0-9].tmp"))


ALIAS = "alias,host,note\r\nx.example,tools.cisco.com,Jörg\r\ny.example,tools.cisco.com,"


@pytest.mark.parametrize(
    "data",
    [
        ALIAS.encode(),
        ALIAS.replace("\r\n", "\r").encode(),
        f"{ALIAS}\r\n\r\n".encode(),
        ALIAS.encode("utf-8-sig"),
        '\ufeff"alias"'.encode() + ALIAS[len("alias") :].encode(),
    ],
    ids=["CR LF, and none at the end", "CR", "empty lines", "byte order mark", "the same, and a quote"],
)
def test_what_notepad_and_excel_write_is_read(folder: Path, data: bytes) -> None:
    (folder / "tsid_aliases_local.csv").write_bytes(data)
    aliases = load_lookups(folder).aliases
    assert aliases["x.example"].row.values["note"] == "Jörg"
    assert (aliases["y.example"].row.line, aliases["y.example"].row.values["note"]) == (3, "")


@pytest.mark.parametrize(
    ("data", "line", "cure"),
    [
        (ALIAS.encode("utf-16"), 1, "Save it as UTF-8"),
        (ALIAS.encode("utf-16-le"), 2, "Save the file as UTF-8."),
        (ALIAS.replace("ö", "o").encode("utf-16-le"), 1, "plain UTF-8 text"),
        (ALIAS.encode("cp1252"), 2, "Save the file as UTF-8."),
        (f"{ALIAS}\r\nz.example,tools.cisco.com".encode(), 4, "one value for each column"),
    ],
    ids=["Unicode", "Unicode without BOM", "ASCII as such", "ANSI", "a short row"],
)
def test_encodings_and_rows_spoiled_by_notepad_are_refused_with_the_cure(
    folder: Path, data: bytes, line: int, cure: str
) -> None:
    (folder / "tsid_aliases_local.csv").write_bytes(data)
    with pytest.raises(LookupTableError) as caught:
        load_lookups(folder)
    assert str(caught.value).startswith(f"lookups/tsid_aliases_local.csv, line {line}: ")
    assert cure in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_settings_in_another_encoding_are_refused_with_the_cure(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "tsidrefresh.conf").write_bytes("# Jörg\r\n[refresh]\r\n".encode(encoding))
    with pytest.raises(
        SettingsError, match=r"^local/tsidrefresh\.conf cannot .* not valid UTF-8\. Save .* as UTF-8\."
    ):
        load_settings(tmp_path, {})


def test_written_tables_end_their_lines_with_lf() -> None:
    assert as_csv(("a", "b"), [{"a": "1", "b": "ü"}]) == "a,b\n1,ü\n".encode()


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Program Files\\Splunk\\etc\\apps\\tsidenrich\\lookups\\tsid_aliases.csv",
        "\\\\server\\share\\Jörg\\lookups\\tsid_aliases.csv",
        "\\\\?\\C:\\lookups\\tsid_aliases.csv",
        "C:/Splunk/lookups/tsid_aliases.csv",
    ],
)
def test_messages_name_a_file_alike_on_every_platform(path: str) -> None:
    assert files.short_name(PureWindowsPath(path)) == "lookups/tsid_aliases.csv"


# In addition to the package: files of the refresh, of Python, and of a site as in docs/lookups.md.
WRITTEN = (
    *(f"tsidenrich/lookups/{name}{ending}" for name in FILES for ending in ("", ".tmp", ".bak", ".bak.tmp")),
    "tsidenrich/lookups/cisco_licensing_endpoints_local.csv",
    "tsidenrich/lookups/tsidrefresh.lock.tmp",
)
RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)),
}
# The place on an indexer; a search head's name may be as long as a DNS label.
DEEPEST = PureWindowsPath(
    "C:\\Program Files\\Splunk\\var\\run\\searchpeers", "n" * 63 + "-1700000000", "apps"
)
# With its final NUL a path has 260 characters, unless the administrator allows long ones.
MAX_PATH_LENGTH = 259


def test_every_packaged_path_is_valid_on_windows(package_file: Path) -> None:
    with tarfile.open(package_file) as archive:
        names = [*archive.getnames(), *WRITTEN]
    for name in names:
        for part in name.split("/"):
            assert part.partition(".")[0].lower() not in RESERVED, name
            assert not set(part) & set('<>:"\\|?*') and part.isprintable() and part[-1] not in ". ", name
        path = DEEPEST / name
        longest = (
            path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" if path.suffix == ".py" else path
        )
        assert len(str(longest)) <= MAX_PATH_LENGTH, longest
    assert len({name.lower() for name in names}) == len(names)
