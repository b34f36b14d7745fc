"""Runs README's shell commands, in order, in a minimal Debian: `make readme`, as root.

mmdebstrap makes the Debian in a memory file system, in a mount and process namespace of its own, which
disappears with this program. The project in it is a clone of the current commit.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.common import ROOT, ToolError, run

RELEASE = "bookworm"
HOME = "/home/newcomer"
PROJECT = f"{HOME}/tsidenrich"
SECONDS = 1800
NOT_RUN = {"make dashboards": "it serves until it is interrupted; make test-dashboards checks it"}

# This machine's settings for its package mirrors are valid for the bare Debian as well.
_VARIABLES = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
_APT_SETTINGS = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Retries")
_PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf")
_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt", *_PIP_FILES)
_COMMAND = re.compile(r"(?m)^ {4}((?:apt|make|python3) [^#\n]*?) *(?:#.*)?$")
_NAMESPACE = "TSIDENRICH_README_NAMESPACE"


def commands_of(readme: str) -> list[str]:
    """Return the shell commands in the indented blocks of a page."""
    return _COMMAND.findall(readme)


def main() -> None:
    """Run all commands; stop at the first that fails."""
    if os.geteuid() != 0:
        raise ToolError("only root can make a bare Debian", 'sudo env "PATH=$PATH" make readme')
    if not shutil.which("mmdebstrap"):
        raise ToolError("mmdebstrap is missing", "apt install mmdebstrap")
    if not os.environ.pop(_NAMESPACE, None):
        options = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        again = ["unshare", *options, "--", sys.executable, "-m", "tools.readme"]
        os.execvpe(again[0], again, {**os.environ, _NAMESPACE: "1"})  # noqa: S606
    root = ROOT / "build" / "debian"
    root.mkdir(parents=True, exist_ok=True)
    _make(root)
    carried = {name: value for name, value in os.environ.items() if name.upper().startswith(_VARIABLES)}
    for command in commands_of((ROOT / "README.md").read_text(encoding="utf-8")):
        print(f"\n$ {command}", flush=True)
        if command in NOT_RUN:
            print(f"not run: {NOT_RUN[command]}")
            continue
        _carry(root, carried)  # again, because installing certificates replaces the carried ones
        start = time.monotonic()
        _run(root, command, carried)
        print(f"--- {time.monotonic() - start:.0f} s", flush=True)


def _make(root: Path) -> None:
    """Install a minimal Debian with a user and the project in the user's home."""
    _do("mount", "-t", "tmpfs", "-o", "mode=755", "tsidenrich", root)
    options = [f'--aptopt={name} "{value}"' for name, value in _apt_settings()]
    _do("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", *options, RELEASE, root, *_sources())
    _do("mount", "--rbind", "/dev", root / "dev")
    _do("mount", "-t", "proc", "proc", root / "proc")
    # As in a container, packages do not start their services.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    policy.chmod(0o755)
    _do("chroot", root, "useradd", "--create-home", "--home-dir", HOME, "--shell", "/bin/bash", "newcomer")
    _do("git", "clone", "--quiet", "--no-hardlinks", ROOT, f"{root}{PROJECT}")
    _do("chroot", root, "chown", "-R", "newcomer:newcomer", HOME)


def _run(root: Path, command: str, carried: Mapping[str, str]) -> None:
    """Run a command in the project's folder: apt as root, anything else as the user.

    Raises:
        ToolError: it fails, or takes too long.
    """
    user, home = ("root", "/root") if command.startswith("apt ") else ("newcomer", HOME)
    chroot = [shutil.which("chroot") or "chroot", f"--userspec={user}", str(root)]
    environment = {
        **carried,
        "DEBIAN_FRONTEND": "noninteractive",
        "HOME": home,
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }
    # stdin must not be a terminal: apt would ask.
    ran = subprocess.run(
        [*chroot, "/usr/bin/timeout", str(SECONDS), "/bin/sh", "-c", f"cd {PROJECT} && {command}"],
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    if ran.returncode:
        raise ToolError(f"README.md: {command} failed with exit status {ran.returncode}")


def _sources() -> list[str]:
    """Return the lines of sources.list with this machine's mirrors; empty for Debian's own."""
    format_ = "$(ORIGIN) $(LABEL) $(REPO_URI)"
    listed = _output("apt-get", "indextargets", "--format", format_, "Created-By: Packages")
    mirrors: dict[str, str] = {}
    for line in listed.splitlines():
        origin, label, address = line.split(" ", 2)
        if origin == "Debian":
            mirrors.setdefault(label, address)
    suites = {RELEASE: "Debian", f"{RELEASE}-updates": "Debian", f"{RELEASE}-security": "Debian-Security"}
    return [f"deb {mirrors[label]} {suite} main" for suite, label in suites.items() if label in mirrors]


def _apt_settings() -> Iterator[tuple[str, str]]:
    yield "APT::Get::Assume-Yes", "true"
    for name in _APT_SETTINGS:
        value = _output("apt-config", "dump", "--format", "%v", name)
        if value:
            yield name, value


def _carry(root: Path, variables: Mapping[str, str]) -> None:
    """Copy this machine's network settings, and the files that its pip settings name."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(_PIP_FILES, encoding="utf-8")
    values = [*variables.values(), *(value for section in settings.values() for value in section.values())]
    named = [word.removeprefix("file://") for word in " ".join(values).split()]
    for path in {Path(name) for name in (*_FILES, *named) if name.startswith("/")}:
        target = root / path.relative_to("/")
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        elif path.is_dir() and not target.exists():
            target.mkdir(parents=True)
            _do("mount", "--bind", "-o", "ro", path, target)


def _do(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise ToolError(f"{' '.join(map(str, command))} failed:\n{done.stdout.strip()}")


def _output(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    run(main)
