"""Nothing that reads hostile text takes more than linear time; `make growth` measures it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.growth.hostile import EXPRESSIONS, Case
from lab.growth.measure import LINEAR, growth
from lab.growth.sites import expression, sites

ROOT = Path(__file__).resolve().parent.parent


def test_every_expression_of_the_app_is_tried() -> None:
    """Who adds one adds its hostile texts to `lab.growth.hostile`."""
    assert set(sites()) == set(EXPRESSIONS)
    for site, how in EXPRESSIONS.items():
        assert how.made() or expression(site)


FORMS = {
    '_A = re.compile("a")\n': ["m._A"],
    '_a = re.compile("a").fullmatch\n': ["m._a"],
    'class C:\n    _A = re.compile("a")\n': ["m.C._A"],
    "def f(x):\n    pattern = re.compile(x)\n    return pattern\n": ["m.f"],
    'def f(x):\n    if x:\n        return [re.sub("a", "b", x)]\n': ["m.f"],
    'class C:\n    def f(self):\n        return re.split("a", "b")\n': ["m.C.f"],
    'if True:\n    _A = re.compile("a")\nelse:\n    _B = re.compile("b")\n': ["m._A", "m._B"],
    'f = lambda x: re.match("a", x)\n': ["m.f"],
    '_T = {"a": re.compile("a")}\n': ["m._T"],
    'for _ in re.findall("a", "b"):\n    pass\n': ["m"],
    'def f(x):\n    while re.match("a", x):\n        with x as y:\n            pass\n': ["m.f"],
    'def f(x):\n    try:\n        pass\n    except E:\n        re.match("a", x)\n': ["m.f"],
    "x = other.compile(1)\n": [],
}


@pytest.mark.parametrize(("source", "expected"), FORMS.items(), ids=FORMS)
def test_an_expression_is_found_wherever_it_is_made(tmp_path: Path, source: str, expected: list[str]) -> None:
    (tmp_path / "m.py").write_text(f"import re\n{source}", encoding="utf-8")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "other.py").write_text('import re\n_A = re.compile("a")\n', encoding="utf-8")
    assert list(sites(tmp_path)) == expected


@pytest.mark.parametrize("source", ["import re as r\n", "from re import compile\n"])
def test_an_expression_cannot_hide_behind_another_name(tmp_path: Path, source: str) -> None:
    (tmp_path / "m.py").write_text(source, encoding="utf-8")
    with pytest.raises(LabError, match="use import re"):
        list(sites(tmp_path))


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(ROOT / name) for name in ("bin", "bin/lib", ""))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timer of processor time")
class TestLimit:
    def test_nothing_takes_more_than_linear_time(self) -> None:
        done = check("-m", "lab.growth.check")
        lines = done.stdout.splitlines()
        assert done.returncode == 0, (lines[-1:], done.stderr)
        assert {line.split(" ")[0] for line in lines} > set(EXPRESSIONS)
        assert len(lines) > 3_000

    @pytest.mark.parametrize(
        ("site", "source", "openings"),
        [
            # What the app once had: quadratic in a text without an end.
            ("tsid.csvbytes.old", r"\$((?:[^$]|\$\$)*)\$(?:;|\Z)", ["$"]),
            ("exponential", r"(?:a|aa)+\Z", ["a"]),
            ("quadratic", "y[a-y]*z", []),
        ],
    )
    def test_what_takes_more_meets_the_limit(self, site: str, source: str, openings: list[str]) -> None:
        program = (
            "import re, sys; from lab.growth import check, hostile as h; "
            f"made = lambda: [re.compile({source!r})]; h.EXPRESSIONS.clear(); "
            f"h.EXPRESSIONS[{site!r}] = h._Expression(h._search, {openings!r}, [], made); check.main({site!r})"
        )
        done = check("-c", program)
        assert done.returncode == -signal.SIGVTALRM, done.stderr
        assert done.stdout.splitlines()[-1].startswith(site)


def test_the_power_of_a_growth_is_found() -> None:
    def loops(power: int) -> Case:
        return Case("x", "x", lambda size: lambda: sum(1 for _ in range((size // 64) ** power)))

    assert growth(loops(1)).exponent < LINEAR < growth(loops(2), last=1 << 15).exponent
