"""``python -m lab explain``: the verdict, the reason and the rows of the lookups."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.__main__ import main


def rows(text: str) -> list[str]:
    return [line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("row ")]


@pytest.mark.parametrize(
    ("arguments", "verdict", "files"),
    [
        (("72.163.4.38", "toos.cisco.com"), "aliased", ["cisco_licensing_endpoints.csv", "tsid_aliases.csv"]),
        (("72.163.4.38", "https://tools.cisco.com/its"), "canonical", ["cisco_licensing_endpoints.csv"]),
        (("72.163.4.38",), "unnamed", ["cisco_licensing_endpoints.csv"]),
        (("72.163.4.39", "tools.cisco.com"), "unlisted", ["cisco_networks.csv"]),
        (("192.168.1.1", "toos.cisco.com"), "relayed", ["tsid_relays.csv", "tsid_aliases.csv"]),
        (("203.0.113.9", "tools.cisco.com"), "impostor", []),
    ],
)
def test_the_verdict_comes_with_the_rows_that_decide(
    arguments: tuple[str, ...], verdict: str, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith(f"verdict     {verdict}, ")
    assert rows(said.out) == [f"lookups/{name}" for name in files]


def test_a_row_shows_its_source_and_when_it_was_last_seen(capsys: pytest.CaptureFixture[str]) -> None:
    main(["explain", "72.163.4.38"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("row ")]
    assert "source Cisco KB 226091" in line
    assert "last_seen 20" in line


def test_other_traffic_has_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "192.0.2.1", "www.example.com"]) == 0
    assert capsys.readouterr().out.startswith("verdict     none: neither the address nor the name belongs to")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "'nonsense' is not an IP address; write the address first, then the host"),
        (("tools.cisco.com", "203.0.113.9"), "203.0.113.9 is the address: python -m lab explain 203.0.113.9 tools.cisco.com"),
        (("72.163.4.38/32",), "'72.163.4.38/32' is not an IP address; leave out the prefix length: 72.163.4.38"),
    ],
)  # fmt: skip
def test_what_is_not_an_address_is_refused_with_the_command_that_was_meant(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 2
    assert capsys.readouterr().err == f"lab: {message}\n"


def test_long_lines_are_wrapped_below_their_first_column_without_breaking_a_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["explain", "72.163.4.38", "toos.cisco.com"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith(" " * 12 + "(lookups/cisco_licensing_endpoints.csv), an")
    assert max(map(len, lines)) < 60


def test_a_date_in_another_form_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain", "192.0.2.1", "--at", "yesterday"])
    assert ended.value.code == 2
    assert "yesterday is not a date" in capsys.readouterr().err


def test_an_app_without_lookups_is_refused_with_a_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "192.0.2.1", "--app", str(tmp_path)]) == 2
    assert "cisco_licensing_endpoints.csv: the file is missing" in capsys.readouterr().err
