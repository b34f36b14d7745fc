"""Which pip serves an environment without one: its interpreter's, or Debian's. Every process here is real."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tools import bootstrap, pip
from tools.common import ToolError

BARE = """#!/bin/sh
# A Python as Debian's is without python3-venv; what MODULES holds is all that is installed for it.
case "$*" in
    *--without-pip*) ;;
    "-m venv "*) exit 1 ;;
    "-m pip "*) export PYTHONPATH="{modules}" ;;
esac
exec "{python}" -S "$@"
"""

STAND_IN = """
import importlib, json, os, sys
if sys.argv[1:] == ["--version"]:
    print(f"pip 1.0 from {os.path.dirname(__file__)} (python 3)")
else:
    sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))  # as the real one does
    seen = []
    for name in ("library", "distutils.core", "distutils.version"):
        try:
            importlib.import_module(name)
            seen.append(name)
        except ImportError:
            pass
    with open(os.path.join(sys.prefix, "asked.json"), "w") as file:
        json.dump({"arguments": sys.argv[1:], "seen": seen}, file)
"""
"""The main module of a pip that only writes down what it is asked, and which modules it could import."""

ARCHIVE = "python-pip-whl_1.0+b1_all.deb"
APT_GET = """#!/bin/sh
case "$*" in
    "download --print-uris python-pip-whl") [ -f {archive} ] || echo "'address' {archive} 7 SHA256:0" ;;
    "download python-pip-whl") {download} ;;
    *) exit 100 ;;
esac
"""
BRINGS_IT = f"echo an archive >{ARCHIVE}"
BRINGS_NOTHING = "echo 'E: 404 Not Found' >&2; exit 100"

DPKG_DEB = """#!/bin/sh
[ -f "$2" ] && exec /bin/cp -R "{content}/usr" "$3"
"""


class Machine:
    """A machine with a Python that has neither pip nor ensurepip, and with no program but those of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules = folder / "modules"
        self.programs = folder / "programs"
        self.requirements = write(folder / "x.txt", "")
        self.python = self.program("bare", BARE.format(modules=self.modules, python=real(sys.executable)))

    def program(self, name: str, text: str) -> str:
        path = write(self.programs / name, text)
        path.chmod(0o755)
        return str(path)

    def debian(self, download: str) -> None:
        """Put Debian's tools there, which know of Debian 11's pip."""
        content = self.folder / "content"
        wheels = content / "usr" / "share" / "python-wheels"
        wheels.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheels / "pip-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("pip/__init__.py", "")
            wheel.writestr("pip/__main__.py", STAND_IN)
        with zipfile.ZipFile(wheels / "library-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("library.py", "")
        write(content / "usr" / "lib" / "python3.9" / "distutils" / "core.py", "")
        self.program("apt-get", APT_GET.format(archive=ARCHIVE, download=download))
        self.program("dpkg-deb", DPKG_DEB.format(content=content))

    def asked(self) -> Any:
        """Make an environment; return what its pip wrote down."""
        venv = self.folder / "venv"
        bootstrap.ensure(venv, [self.requirements], self.python)
        (venv / bootstrap.STAMP).unlink()
        return json.loads((venv / "asked.json").read_bytes())


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def real(python: str) -> Path:
    """Return what is behind the link that an environment's interpreter is."""
    return Path(python).resolve()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(made.programs))
    monkeypatch.setattr(pip, "DEBIANS", tmp_path / "debians")
    return made


def test_the_interpreters_pip_is_used_without_its_neighbours(machine: Machine) -> None:
    write(machine.modules / "pip" / "__init__.py", "")
    write(machine.modules / "pip" / "__main__.py", STAND_IN)
    write(machine.modules / "library.py", "")
    asked = machine.asked()
    assert {"install", "--require-hashes", str(machine.requirements)} <= set(asked["arguments"])
    assert "library" not in asked["seen"]


def test_debians_pip_is_brought_once_with_all_that_it_needs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An archive that somebody has left lying about must not confuse anything.
    monkeypatch.chdir(write(machine.folder / "left" / ARCHIVE, "").parent)
    for download in (BRINGS_IT, BRINGS_NOTHING):
        machine.debian(download)
        asked = machine.asked()
        assert asked["arguments"][-2:] == ["-r", str(machine.requirements)]
        # distutils.version is in python3 itself, even on Debian 11; Python 3.12 has no distutils.
        own = ["distutils.version"] if sys.version_info < (3, 12) else []
        assert asked["seen"] == ["library", "distutils.core", *own]


def test_says_what_to_do_where_this_is_no_debian(machine: Machine) -> None:
    with pytest.raises(ToolError, match=r"bare has neither pip nor ensurepip\n.*apt install python3-venv"):
        machine.asked()


def test_says_what_to_do_where_apt_get_has_no_lists(machine: Machine) -> None:
    machine.debian(BRINGS_IT)
    machine.program("apt-get", "#!/bin/sh\nexit 100\n")
    with pytest.raises(ToolError, match=r"apt-get knows of no package with pip\n.*apt-get update"):
        machine.asked()


def test_says_what_to_do_where_apt_gets_lists_are_old(machine: Machine) -> None:
    machine.debian(BRINGS_NOTHING)
    with pytest.raises(
        ToolError, match=r"apt-get download python-pip-whl failed: E: 404 Not Found\n.*apt-get update"
    ):
        machine.asked()
    assert list(pip.DEBIANS.iterdir()) == []


def test_this_debians_pip_installs_a_pinned_project(tiny: Path, tmp_path: Path) -> None:
    debians = Path("/usr/bin/python3")
    if not debians.exists():
        pytest.skip("no Debian")
    python = write(tmp_path / "bare", BARE.format(modules=tmp_path / "none", python=real(str(debians))))
    python.chmod(0o755)
    try:
        inside = bootstrap.ensure(tmp_path / "venv", [tiny], str(python))
    except ToolError as error:
        if "apt" not in str(error).partition("\n")[0]:
            raise
        pytest.skip(f"no Debian, or none that can be reached: {error}")
    subprocess.run([inside, "-c", "import tiny"], check=True)
