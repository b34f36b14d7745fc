"""A clean Debian 11, whose Python is 3.9: to begin with it has not even that.

It lies in memory that only this process and its children see, so that it is gone with them, however they end.
For that `alone` starts the process once more.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import IO, NoReturn
from urllib.parse import urlsplit

from tools.common import ROOT, ToolError

RELEASE = "bullseye"
USER = "newcomer"
PROJECT = "tsidenrich"
# Mirrors drop a release some time after its support, which for this one ended in August 2026.
# The archive keeps it as it was, and signs nothing anew.
ARCHIVED = (f"deb [check-valid-until=no] http://archive.debian.org/debian {RELEASE} main",)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

_ALONE = "TSIDENRICH_README_ALONE"
_NEEDED = ("mmdebstrap", "unshare", "chroot", "mount", "git")
# How this machine reaches its package mirrors holds for the clean Debian as well.
_CARRIED = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
_APT_CARRIED = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Retries")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_ADMINS_PATH = "/usr/local/sbin:/usr/sbin:/sbin:" + _PATH


def alone(arguments: Sequence[str]) -> None:
    """Start this program again where mounts and processes are its own, unless that has been done.

    Args:
        arguments: of the Python interpreter.

    Raises:
        ToolError: this is not root, or a program is missing.
    """
    if os.environ.pop(_ALONE, None):
        return
    missing = [name for name in _NEEDED if not shutil.which(name)]
    if missing:
        raise ToolError(f"{', '.join(missing)} is missing", "apt install mmdebstrap git util-linux")
    if os.geteuid() != 0:
        raise ToolError("only root can make a clean Debian", 'sudo env "PATH=$PATH" make readme')
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", sys.executable]
    _become([*unshare, *arguments], {**os.environ, _ALONE: "1"})


def _become(command: list[str], environment: dict[str, str]) -> NoReturn:
    os.execvpe(command[0], command, environment)  # noqa: S606


class Debian:
    """The clean Debian, with the project as it is in the working tree in the home of a user.

    Raises:
        ToolError: it cannot be made.
    """

    def __init__(self) -> None:
        self.root = ROOT / "build" / "debian"
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            self._install(_sources())
        except ToolError as error:
            _do("umount", str(self.root))
            try:
                self._install(ARCHIVED)
            except ToolError as later:
                raise ToolError(f"{error}\n{later}") from None
        _do("mount", "--rbind", "/dev", f"{self.root}/dev")
        _do("mount", "-t", "proc", "proc", f"{self.root}/proc")
        # As in a container, nothing that is installed is started.
        starts_nothing = self.root / "usr/sbin/policy-rc.d"
        starts_nothing.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
        starts_nothing.chmod(0o755)
        _do("chroot", str(self.root), "useradd", "--create-home", "--shell", "/bin/bash", USER)
        self.home = self.root / "home" / USER
        self._owner = self.home.stat().st_uid, self.home.stat().st_gid
        self._environment = _environment()
        self._chroot = shutil.which("chroot") or "chroot"
        self._carry()
        self._take_project()

    def _install(self, sources: Sequence[str]) -> None:
        """Install the release from these lines of sources.list, into memory that is empty."""
        _do("mount", "-t", "tmpfs", "-o", "mode=755", PROJECT, str(self.root))
        apt = [f'--aptopt={name} "{value}"' for name, value in _apt_settings()]
        _do(
            "mmdebstrap",
            *("--quiet", "--mode=root", "--variant=minbase", '--aptopt=APT::Get::Assume-Yes "true"', *apt),
            *(RELEASE, str(self.root), *sources),
        )

    def run(self, command: str, output: IO[bytes], seconds: int, *, as_root: bool = False) -> int:
        """Run a command in the project's folder, without a terminal; return its exit status.

        Args:
            command: as it is typed.
            output: where all that it says goes.
            seconds: after which it is killed.
            as_root: by root, not by the user.

        Raises:
            ToolError: it had to be killed.
        """
        name, path = ("root", _ADMINS_PATH) if as_root else (USER, _PATH)
        home = "/root" if as_root else f"/home/{USER}"
        environment = {**self._environment, "HOME": home, "USER": name, "LOGNAME": name, "PATH": path}
        where = f"cd /home/{USER}/{PROJECT}\n"
        process = subprocess.Popen(
            [self._chroot, f"--userspec={name}", str(self.root), "/bin/sh", "-c", where + command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise ToolError(f"it had not ended after {seconds} s") from None
        finally:
            if as_root:
                # Installing certificates has replaced this machine's.
                self._carry()

    def _carry(self) -> None:
        """Bring what this machine reaches its networks by: names, certificates, pip's settings."""
        for path in (Path("/etc/resolv.conf"), Path("/etc/hosts"), CERTIFICATES, *_pip_files()):
            if path.is_file():
                self._copy(path, self.root / path.relative_to("/"))
        for path in named_in([*self._environment.values(), *pip_values(_pip_files())]):
            target = self.root / path.relative_to("/")
            if path.is_file():
                self._copy(path, target)
            elif path.is_dir() and not target.exists():
                target.mkdir(parents=True)
                _do("mount", "--bind", "-o", "ro", str(path), str(target))

    @staticmethod
    def _copy(path: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(0o644)

    def _take_project(self) -> None:
        """Unpack the project: what Git knows of the working tree, changes included."""
        changed = _output("git", "stash", "create") or "HEAD"
        archive = subprocess.run(
            ["git", "archive", changed],  # noqa: S607
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(self.home / PROJECT)  # noqa: S202 (it is our own)
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, *self._owner, follow_symlinks=False)


def _environment() -> dict[str, str]:
    carried = {name: value for name, value in os.environ.items() if name.upper().startswith(_CARRIED)}
    if os.environ.get("CI"):
        # The tests try as hard as elsewhere in CI; CI itself would have them insist on every Python.
        carried["PYTEST_ADDOPTS"] = "--hypothesis-profile=ci"
    return {"DEBIAN_FRONTEND": "noninteractive", **carried}


def _sources() -> list[str]:
    """Return the lines of sources.list, by this machine's own mirror; none where it has none of Debian's."""
    if not shutil.which("apt-get"):
        return []
    listed = _output(
        "apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages"
    )
    mirrors: dict[str, str] = {}
    for line in listed.splitlines():
        origin, _, rest = line.partition(" ")
        label, _, address = rest.partition(" ")
        if origin == "Debian":
            mirrors.setdefault(label, address)
    if "Debian" not in mirrors:
        return []
    suites = [
        (RELEASE, "Debian"),
        (f"{RELEASE}-updates", "Debian"),
        (f"{RELEASE}-security", "Debian-Security"),
    ]
    return [f"deb {mirrors[label]} {suite} main" for suite, label in suites if label in mirrors]


def _apt_settings() -> Iterator[tuple[str, str]]:
    if shutil.which("apt-config"):
        for name in _APT_CARRIED:
            value = _output("apt-config", "dump", "--format", "%v", name)
            if value:
                yield name, value


def _pip_files() -> list[Path]:
    """Return where pip looks for the settings of a machine; a user's own are not for another user."""
    folders = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return [
        Path("/etc/pip.conf"),
        *(Path(folder) / "pip" / "pip.conf" for folder in folders.split(os.pathsep)),
    ]


def pip_values(files: Sequence[Path]) -> Iterator[str]:
    """Yield the values of pip's settings in these files, of which some may be missing."""
    for path in files:
        parser = ConfigParser(interpolation=None)
        try:
            parser.read(path, encoding="utf-8")
        except ConfigError:
            continue  # pip will say so itself
        for section in parser.sections():
            yield from parser[section].values()


def named_in(values: Sequence[str]) -> Iterator[Path]:
    """Yield the files and folders of this machine that settings name, by path or by file:// address."""
    for word in " ".join(values).split():
        path = urlsplit(word).path if word.startswith("file://") else word
        if path.startswith("/") and Path(path).exists():
            yield Path(path)


def _do(*command: str) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise ToolError(f"{' '.join(command)} failed:\n{done.stdout.strip()}")


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
