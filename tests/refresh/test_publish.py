"""Whatever happens while lookups are published: they are whole, the old ones or the new ones."""

from __future__ import annotations

import errno
import os
import random
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lab.host.host import CommandHost
from lab.host.in_process import InProcessHost
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import load_lookups
from tsid.refresh.plan import Plan
from tsid.refresh.publish import FILES, as_csv, changed, contents, publish
from tsid.refresh.rows import ALIAS_COLUMNS, ENDPOINT_COLUMNS
from tsid.refresh.safe_files import PublishError, exclusive_refresh
from tsid.text import conf

ROOT = Path(__file__).resolve().parents[2]
PATHS = [str(ROOT / "bin"), str(ROOT / "bin" / "lib")]

# Publishes in a process of its own, which kills itself at a step on files as an audit hook counts them.
WORK = """
import os, signal, sys
from pathlib import Path
paths, folder, fatal, *names = sys.argv[1:]
sys.path[:0] = paths.split(os.pathsep)
from tsid.refresh.publish import publish
from tsid.refresh.safe_files import exclusive_refresh
folder = Path(folder)
files = {name: (folder.parent / "new" / name).read_bytes() for name in names}
steps = 0
def work(fatal):
    def hook(event, arguments):
        global steps
        if event == "open" or event.startswith(("os.", "shutil.")):
            steps += 1
            if steps == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    with exclusive_refresh(folder, 10):
        publish(folder, files)
"""
PUBLISH = f"{WORK}work(int(fatal))"
# The same for every number on stdin, each in a fork: answers with its process id and, asked by an empty line, with
# its status.
PUBLISH_EACH = f"""{WORK}
while line := sys.stdin.readline():
    child = os.fork()
    if child == 0:
        work(int(line))
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def files(mark: str) -> dict[str, bytes]:
    """Return refreshed tables of some hundred rows, more than fits into a buffer, with a mark."""
    endpoints = [
        {**dict.fromkeys(ENDPOINT_COLUMNS, ""), "network": f"72.163.{i // 250}.{i % 250}/32"}
        | {"host": "tools.cisco.com", "status": "active", "source": mark}
        for i in range(300)
    ]
    alias = {
        **dict.fromkeys(ALIAS_COLUMNS, ""),
        "alias": "tool.cisco.com",
        "host": "tools.cisco.com",
        "note": mark,
    }
    return dict(zip(FILES, (as_csv(ENDPOINT_COLUMNS, endpoints), as_csv(ALIAS_COLUMNS, [alias]))))


OLD, NEW = files("old"), files("new")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return lookups with the old tables, next to a folder with the new tables."""
    shutil.copytree(ROOT / "lookups", tmp_path / "lookups")
    (tmp_path / "new").mkdir()
    publish(tmp_path / "lookups", OLD)
    for name, data in NEW.items():
        (tmp_path / "new" / name).write_bytes(data)
    return tmp_path / "lookups"


def held(folder: Path) -> Mapping[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def start(folder: Path) -> subprocess.Popen[bytes]:
    arguments = [os.pathsep.join(PATHS), str(folder), "0", *FILES]
    return subprocess.Popen([sys.executable, "-B", "-c", PUBLISH, *arguments], stderr=subprocess.PIPE)


def check_whole(folder: Path) -> None:
    """Each table is the old or the new one, they load, and the next run works."""
    for name, data in held(folder).items():
        assert data in (OLD[name], NEW[name])
    load_lookups(folder)
    with exclusive_refresh(folder, 10):
        publish(folder, NEW)
    assert held(folder) == NEW
    assert not list(folder.glob("*.csv*.tmp"))


@pytest.mark.parametrize("new", FILES)
def test_a_mix_of_old_and_new_tables_is_valid(folder: Path, new: str) -> None:
    (folder / new).write_bytes(NEW[new])
    tables = load_lookups(folder).tables
    rows = [row for table in ("endpoints", "aliases") for row in tables[table] if "_refreshed" in row.file]
    assert {row.values.get("source") or row.values["note"] for row in rows} == {"old", "new"}


def test_the_replaced_tables_are_kept_as_bak(folder: Path) -> None:
    assert publish(folder, NEW) == list(FILES)
    assert held(folder) == NEW
    for name, data in OLD.items():
        assert (folder / f"{name}.bak").read_bytes() == data


def test_nothing_is_written_when_nothing_changes(folder: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}

    before = state()
    assert publish(folder, OLD) == []
    assert state() == before


def test_the_first_refresh_leaves_no_bak(folder: Path) -> None:
    for name in FILES:
        (folder / name).unlink()
    assert publish(folder, NEW) == list(FILES)
    assert held(folder) == NEW
    assert not list(folder.glob("*.bak*"))


def test_only_tables_that_differ_are_replaced(folder: Path) -> None:
    mixed = {FILES[0]: NEW[FILES[0]], FILES[1]: OLD[FILES[1]]}
    assert changed(folder, mixed) == {FILES[0]: NEW[FILES[0]]}
    before = (folder / FILES[1]).stat().st_ino
    assert publish(folder, mixed) == [FILES[0]]
    assert held(folder) == mixed
    assert (folder / FILES[1]).stat().st_ino == before
    assert [path.name for path in folder.glob("*.bak")] == [f"{FILES[0]}.bak"]


def test_the_bak_does_not_go_to_the_indexers(folder: Path) -> None:
    """distsearch.conf.spec: ``*`` is anything but a separator, ``...`` anything; the rest is a regular expression."""
    (pattern,) = conf.read(ROOT / "default" / "distsearch.conf")["replicationDenylist"].values()
    denied = re.compile(pattern.replace(".", r"\.").replace("*", r"[^/\\]*"))
    publish(folder, NEW)
    for separator in "/\\":
        sent = {
            path.name
            for path in folder.iterdir()
            if not denied.search(separator.join(("apps", "tsidenrich", "lookups", path.name)))
        }
        assert sent == {path.name for path in folder.glob("*.csv")}
    assert not denied.search("apps/other/lookups/x.csv.bak")


def test_the_bak_has_the_time_of_the_replaced_table(folder: Path) -> None:
    os.utime(folder / FILES[0], (1_700_000_000, 1_700_000_000))
    publish(folder, NEW)
    assert (folder / f"{FILES[0]}.bak").stat().st_mtime == 1_700_000_000


@pytest.mark.parametrize("name", FILES)
def test_tables_that_the_loader_refuses_are_not_published(folder: Path, name: str) -> None:
    broken = {**NEW, name: NEW[name] + b'"'}
    with pytest.raises(LookupTableError, match=f"{name}.tmp"):
        publish(folder, broken)
    assert held(folder) == OLD
    check_whole(folder)


def test_a_folder_in_the_place_of_a_refreshed_table_is_reported(folder: Path) -> None:
    (folder / FILES[0]).unlink(missing_ok=True)
    (folder / FILES[0]).mkdir()
    with pytest.raises(PublishError, match=f"{FILES[0]} cannot be replaced: Is a directory"):
        publish(folder, NEW)


def test_a_named_pipe_in_the_place_of_a_refreshed_table_is_replaced(folder: Path) -> None:
    (folder / FILES[0]).unlink(missing_ok=True)
    os.mkfifo(folder / FILES[0])
    assert FILES[0] in publish(folder, NEW)
    check_whole(folder)


NO_ROOM = (
    "Nothing can be written to {folder}: Is a directory. The lookups are as before. Make room, or run the "
    "refresh as the user that Splunk runs as."
)
NOT_REPLACED = (
    "lookups/{name} cannot be replaced: Is a directory. The lookups are as before. Close the program that has "
    "it open, check that it is not read-only, and refresh again."
)


@pytest.mark.parametrize(
    ("in_the_way", "told"),
    [
        (f"{FILES[0]}.tmp", NO_ROOM),
        (f"{FILES[1]}.tmp", NO_ROOM),
        (f"{FILES[0]}.bak", NOT_REPLACED),
        (f"{FILES[1]}.bak", NOT_REPLACED),
        (f"{FILES[1]}.bak.tmp", NO_ROOM),
    ],
)
def test_an_obstacle_is_reported_before_any_table_is_replaced(
    folder: Path, in_the_way: str, told: str
) -> None:
    (folder / in_the_way).mkdir()
    with pytest.raises(PublishError) as error:
        publish(folder, NEW)
    assert str(error.value) == told.format(folder=folder, name=in_the_way)
    assert held(folder) == OLD
    assert {path.name for path in folder.glob("*.csv.tmp")} <= {in_the_way}
    (folder / in_the_way).rmdir()
    check_whole(folder)


@pytest.mark.parametrize("done", [1, 2])
def test_an_error_names_the_tables_replaced_before_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    replace = Path.replace

    def fail(path: Path, target: Path) -> None:
        if target == folder / FILES[1] and done == 1:
            raise PermissionError(13, "Permission denied", str(path), None, str(target))
        replace(path, target)

    def fail_later(_folder: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", fail)
    monkeypatch.setattr("tsid.refresh.publish._sync_folder", fail_later)
    with pytest.raises(PublishError) as error:
        publish(folder, NEW)
    assert f"Written so far: {' and '.join(FILES[:done])}. " in str(error.value)
    assert held(folder) == {**OLD, **{name: NEW[name] for name in FILES[:done]}}


def test_a_second_refresh_at_the_same_time_is_refused(folder: Path) -> None:
    with exclusive_refresh(folder, 0), pytest.raises(PublishError) as error, exclusive_refresh(folder, 0.1):
        pass
    assert str(error.value) == "Another refresh is running on these lookups. Try again when it is done."
    # Whatever became of the other one.
    with pytest.raises(ZeroDivisionError), exclusive_refresh(folder, 0):
        raise ZeroDivisionError
    with exclusive_refresh(folder, 0):
        # Splunk sends everything else in the folder to the indexers.
        others = {path.name for path in folder.iterdir()} - {path.name for path in folder.glob("*.csv")}
    assert {Path(name).suffix for name in others} <= {".tmp"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "file" / "lookups"
    (tmp_path / "file").touch()
    with (
        pytest.raises(PublishError, match=r"^Nothing can be written to .*: Not a directory"),
        exclusive_refresh(missing, 0),
    ):
        pass


def test_a_plan_without_rows_of_a_table_has_no_file_for_it() -> None:
    endpoint = {**dict.fromkeys(ENDPOINT_COLUMNS, ""), "network": "10.0.0.0/8", "source": 'a, "b"\u00fc'}
    alias = dict.fromkeys(ALIAS_COLUMNS, "x")
    assert as_csv(["a"], [{"a": "x\r\ny"}]) == b'a\n"x\r\ny"\n'
    assert contents(Plan([], [], [], True)) == {}
    assert contents(Plan([endpoint], [], [], True)) == {
        FILES[
            0
        ]: b"network,host,service,status,valid_from,valid_until,source,last_seen,misses,missed_since,ttl,ports,rows\n"
        b'10.0.0.0/8,,,,,,"a, ""b""\xc3\xbc",,,,,,1\n'
    }
    assert contents(Plan([], [alias, alias], [], True)) == {
        FILES[1]: b"alias,host,origin,last_seen,note,rows\nx,x,x,x,x,2\nx,x,x,x,x,2\n"
    }


class Publishers:
    """Processes that publish the new tables, one at a time."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        self._requests, self._answers = server.stdin, server.stdout

    def start(self, fatal: int = 0) -> int:
        """Start one, which kills itself at that step; return its process id, which is its own until `wait`."""
        self._requests.write(f"{fatal}\n")
        return int(self._answers.readline())

    def wait(self) -> int:
        """Return its exit status."""
        self._requests.write("\n")
        return int(self._answers.readline())


@pytest.fixture
def publishers(folder: Path) -> Iterator[Publishers]:
    arguments = [os.pathsep.join(PATHS), str(folder), "0", *FILES]
    with subprocess.Popen(
        [sys.executable, "-B", "-c", PUBLISH_EACH, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as server:
        yield Publishers(server)


def test_a_refresh_that_is_killed_at_any_step_leaves_whole_tables(
    folder: Path, publishers: Publishers
) -> None:
    points, before, after = 0, 0, 0
    while True:
        publish(folder, OLD)
        points += 1
        publishers.start(points)
        status = publishers.wait()
        if status == 0:
            break
        assert status == -signal.SIGKILL
        before += held(folder) == OLD
        after += held(folder) == NEW
        check_whole(folder)
    # It was killed before, between and after what counts.
    assert points > before + after + 1
    assert before > 5
    assert after > 0


def test_a_refresh_that_is_killed_at_any_time_leaves_whole_tables(
    folder: Path, publishers: Publishers
) -> None:
    dice = random.Random(226091)
    begin = time.monotonic()
    publishers.start()
    assert publishers.wait() == 0
    lasts = time.monotonic() - begin
    for _ in range(10):
        publish(folder, OLD)
        process = publishers.start()
        time.sleep(dice.uniform(0, 1) * lasts)
        os.kill(process, signal.SIGKILL)
        assert publishers.wait() in (0, -signal.SIGKILL)
        check_whole(folder)


def test_two_at_once_wait_for_each_other(folder: Path) -> None:
    with start(folder) as one, start(folder) as two:
        assert (one.wait(60), two.wait(60)) == (0, 0)
    check_whole(folder)


def test_a_reader_during_a_refresh_never_sees_a_broken_table(folder: Path) -> None:
    over = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not over.is_set():
            rows = load_lookups(folder).endpoint_rows
            marks = {endpoint.row.values["source"] for _, endpoint in rows} & {"old", "new"}
            assert len(marks) == 1
            seen.update(marks)

    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            read()
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=guarded) for _ in range(2)]
    for reader in readers:
        reader.start()
    cap = time.monotonic() + 300
    rounds = 0
    # On a busy machine the readers may not get their turn for long.
    while not failures and time.monotonic() < cap and (rounds < 10 or seen != {"old", "new"}):
        rounds += 1
        publish(folder, NEW)
        publish(folder, OLD)
    over.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert seen == {"old", "new"}


def test_searches_meanwhile_get_the_old_answer_or_the_new_one(
    folder: Path, packaged_app: Path, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    shutil.copytree(packaged_app, app, ignore=shutil.ignore_patterns("lookups"))
    folder.rename(app / "lookups")
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            for tables in (NEW, OLD):
                publish(app / "lookups", tables)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        hosts = [CommandHost(app, "tsidenrich"), *[InProcessHost(app, "tsidenrich")] * 10]
        event = {"dest_ip": "72.163.0.1", "url": "https://tool.cisco.com"}
        answers = [host.run([event]).raise_for_error().events for host in hosts]
    finally:
        over.set()
        writer.join()
    assert {answer["tsid_verdict"] for (answer,) in answers} == {"aliased"}


def test_a_full_disk_is_reported_and_loses_nothing(folder: Path) -> None:
    # To the process, a file that may not grow is a disk that is full.
    limit = len(NEW[FILES[0]]) // 2
    arguments = [os.pathsep.join(PATHS), str(folder), "0", *FILES]
    done = subprocess.run(
        [sys.executable, "-B", "-c", PUBLISH, *arguments],
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert f"Nothing can be written to {folder}: File too large" in done.stderr.decode()
    assert b"The lookups are as before" in done.stderr
    assert held(folder) == OLD
    check_whole(folder)


def test_a_folder_that_is_not_writable_is_named(folder: Path) -> None:
    arguments = [os.pathsep.join(PATHS), ".", "0"]
    # Root may write everywhere: what is needed is imported, then the process becomes nobody.
    code = PUBLISH.replace(
        "folder = Path(folder)",
        "folder = Path(folder)\nif not os.getuid(): os.setgid(65534), os.setuid(65534)",
    )
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-c", code, *arguments], capture_output=True, check=False, cwd=folder
        )
    finally:
        folder.chmod(0o755)
    assert done.returncode == 1
    assert b"Permission denied" in done.stderr
    assert held(folder) == OLD


def state_of(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
@pytest.mark.parametrize(("mode", "expected"), [(0o755, 0o644), (0o700, 0o600), (0o775, 0o664)])
def test_files_that_root_writes_have_the_owner_and_the_mode_of_the_folder(
    folder: Path, mask: int, mode: int, expected: int
) -> None:
    """Splunk's user must be able to read and to replace them afterwards."""
    for path in (folder, *folder.iterdir()):
        os.chown(path, 65534, 65533)
    folder.chmod(mode)
    before = os.umask(mask)
    try:
        with exclusive_refresh(folder, 1):
            publish(folder, NEW)
    finally:
        os.umask(before)
    written = [folder / name for name in FILES] + [folder / f"{name}.bak" for name in FILES]
    for path in (*written, folder / "tsidrefresh.lock.tmp"):
        assert state_of(path) == (expected, 65534, 65533), path.name


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_umask_does_not_decide_who_can_read_the_tables(folder: Path, mask: int) -> None:
    folder.chmod(0o755)
    before = os.umask(mask)
    try:
        with exclusive_refresh(folder, 1):
            publish(folder, NEW)
    finally:
        os.umask(before)
    assert {state_of(folder / name)[0] for name in FILES} == {0o644}


PLANTED = [
    "tsidrefresh.lock.tmp",
    *(f"{name}{end}" for name in FILES for end in (".tmp", ".bak.tmp", ".bak")),
]


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("exists", [True, False], ids=["a file", "nothing"])
def test_a_planted_link_is_not_followed(folder: Path, tmp_path: Path, name: str, exists: bool) -> None:
    """CVE-2025-68146 of filelock: the link's target was truncated."""
    target = tmp_path / "target"
    if exists:
        target.write_bytes(b"precious")
        target.chmod(0o600)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)
    if name == "tsidrefresh.lock.tmp":
        with pytest.raises(PublishError, match="is a link, which a refresh"), exclusive_refresh(folder, 0):
            pass
    else:
        publish(folder, NEW)
        assert held(folder) == NEW
        assert not (folder / name).is_symlink()
    assert target.exists() == exists
    if exists:
        assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"precious", 0o600)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_pipe_does_not_hold_the_refresh(folder: Path, name: str) -> None:
    """Opening a pipe waits for the other end, if nobody takes care."""
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    if name == "tsidrefresh.lock.tmp":
        with pytest.raises(PublishError, match="is not a plain file"), exclusive_refresh(folder, 0):
            pass
    else:
        publish(folder, NEW)
        assert held(folder) == NEW


@pytest.mark.parametrize("name", PLANTED[1:])
def test_a_planted_second_name_of_a_file_is_replaced_not_written_to(
    folder: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    target.chmod(0o600)
    (folder / name).unlink(missing_ok=True)
    os.link(target, folder / name)
    publish(folder, NEW)
    assert held(folder) == NEW
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"precious", 0o600)


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_in_the_place_of_a_table_is_refused_by_the_loader(folder: Path, name: str) -> None:
    """A search must not wait for its other end."""
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(LookupTableError, match=f"{name}.*cannot be read"):
        load_lookups(folder)


def test_a_lock_that_is_a_folder_is_refused(folder: Path) -> None:
    (folder / "tsidrefresh.lock.tmp").mkdir()
    cure = r"is a folder\. The lookups are as before"
    with pytest.raises(PublishError, match=cure), exclusive_refresh(folder, 0):
        pass


def test_a_lock_that_is_a_second_name_of_another_file_is_refused(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch(0o600)
    lock = folder / "tsidrefresh.lock.tmp"
    os.link(target, lock)
    with pytest.raises(PublishError, match="is not a plain file"), exclusive_refresh(folder, 0):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_the_target_of_a_linked_table_is_not_copied(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(OLD[FILES[0]])
    (folder / FILES[0]).unlink()
    (folder / FILES[0]).symlink_to(secret)
    (folder / f"{FILES[0]}.bak").unlink(missing_ok=True)
    publish(folder, NEW)
    assert held(folder) == NEW
    assert not (folder / f"{FILES[0]}.bak").exists()
    assert secret.read_bytes() == OLD[FILES[0]]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_reported_with_the_cure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    cure = r"has no locks .* Move the app to a local file system"
    with pytest.raises(PublishError, match=cure), exclusive_refresh(folder, 5):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_lock_of_root_is_reported_with_the_cure(folder: Path) -> None:
    """Versions before 0.3 left it behind when root ran the refresh."""
    (folder / "tsidrefresh.lock.tmp").touch(0o600)
    folder.chmod(0o777)
    code = (
        "import os, sys; from pathlib import Path; sys.path[:0] = sys.argv[1].split(os.pathsep)\n"
        "from tsid.refresh.safe_files import exclusive_refresh\n"
        "os.setgid(65534), os.setuid(65534)\n"
        "with exclusive_refresh(Path('.'), 0.1): pass"
    )
    arguments = [sys.executable, "-B", "-c", code, os.pathsep.join(PATHS)]
    done = subprocess.run(arguments, capture_output=True, check=False, cwd=folder, text=True)
    assert "belongs to another user (Permission denied)" in done.stderr
    assert "if root left the file, remove it" in done.stderr


def test_a_full_disk_while_the_copy_is_made_leaves_the_tables_as_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(number: int) -> None:
        if ".bak" in Path(f"/proc/self/fd/{number}").readlink().name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(
        PublishError, match=r"No space left on device\. The lookups are as before\. Make room"
    ):
        publish(folder, NEW)
    assert held(folder) == OLD
    assert not list(folder.glob("*.tmp"))
