"""Making an environment, with and without a pip to begin with; nothing here needs a network."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Collection
from pathlib import Path

import pytest

from tools import bootstrap
from tools.common import ROOT, ToolError, sha256
from tools.requirements import read_pins

WHEEL = {
    "tiny.py": "NUMBER = 7\n",
    "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny-1.0.dist-info/RECORD": "",
}


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """Return a requirement file of one project, whose wheel lies beside it."""
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in WHEEL.items():
            archive.writestr(name, content)
    path = tmp_path / "tiny.txt"
    path.write_text(
        f"--no-index\n--find-links {tmp_path}\ntiny==1.0 --hash=sha256:{sha256(wheel)}\n", encoding="utf-8"
    )
    return path


def number(python: Path) -> str:
    return subprocess.check_output([python, "-c", "import tiny; print(tiny.NUMBER)"], text=True).strip()


def test_an_environment_is_made_once_and_again_when_its_requirements_change(
    requirements: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    python = bootstrap.ensure(venv, [requirements])
    assert number(python) == "7"
    (venv / "mine").touch()

    bootstrap.ensure(venv, [requirements])
    assert (venv / "mine").exists()

    requirements.write_text(f"# other\n{requirements.read_text(encoding='utf-8')}", encoding="utf-8")
    bootstrap.ensure(venv, [requirements])
    assert not (venv / "mine").exists()
    assert number(python) == "7"


def test_a_wrong_hash_leaves_nothing_that_counts_as_made(requirements: Path, tmp_path: Path) -> None:
    text = requirements.read_text(encoding="utf-8")
    requirements.write_text(text[:-5] + ("0000\n" if text[-5:] != "0000\n" else "1111\n"), encoding="utf-8")
    with pytest.raises(ToolError, match=r"tiny.txt could not be installed"):
        bootstrap.ensure(tmp_path / "venv", [requirements])
    assert not (tmp_path / "venv" / bootstrap.STAMP).exists()


def test_without_ensurepip_a_pinned_pip_is_brought(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensurepip = pytest.importorskip("ensurepip", reason="there is no pip here to stand in for PyPI's")
    bundled = next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"), None)
    if bundled is None:
        pytest.skip("there is no pip here to stand in for PyPI's")
    asked = []

    def fetch(project: str, filename: str, hashes: Collection[str]) -> Path:
        asked.append((project, filename, frozenset(hashes)))
        return bundled

    monkeypatch.setattr(bootstrap, "fetch", fetch)
    monkeypatch.setattr(bootstrap, "_quiet", lambda arguments: "ensurepip" in arguments)
    assert number(bootstrap.ensure(tmp_path / "venv", [requirements])) == "7"
    pin = read_pins(ROOT / "requirements" / "pip.txt")["pip"]
    assert asked == [("pip", f"pip-{pin.version}-py3-none-any.whl", pin.hashes)]


def test_the_command_line_fails_with_a_cure_and_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(f"absent==1 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "tools.bootstrap", tmp_path / "venv", path],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "PIP_INDEX_URL": "http://127.0.0.1:9",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_RETRIES": "0",
        },
    )
    assert ran.returncode == 1
    assert "error: x.txt could not be installed\n  what to do: " in ran.stderr
    assert "Traceback" not in ran.stderr
