"""Splitting a command line into the command and its arguments."""

from __future__ import annotations

import pytest

from lab.errors import UsageError
from lab.host.command_line import split_arguments, split_command


@pytest.mark.parametrize(
    ("line", "command", "arguments"),
    [
        ("tsidenrich", "tsidenrich", ""),
        ("  tsidenrich  keep=all ", "tsidenrich", "keep=all"),
        ("| tsidrefresh", "tsidrefresh", ""),
        ("|tsidrefresh\tx=1", "tsidrefresh", "x=1"),
    ],
)
def test_a_line_is_a_command_and_its_arguments(line: str, command: str, arguments: str) -> None:
    assert split_command(line) == (command, arguments)


@pytest.mark.parametrize("line", ["", "  ", "|", "=x", '"a"', "a=b", "tsid-enrich", "1a"])
def test_a_line_without_a_command_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="no command name"):
        split_command(line)


@pytest.mark.parametrize(
    ("text", "args", "raw_args"),
    [
        ("", [], []),
        ("keep=all", ["keep=all"], ["keep=all"]),
        ('ip="Destination IP"', ["ip=Destination IP"], ['ip="Destination IP"']),
        ('ip="a" keep=all', ["ip=a", "keep=all"], ['ip="a"', "keep=all"]),
        ('x=""', ["x="], ['x=""']),
        ('"two words" last', ["two words", "last"], ['"two words"', "last"]),
        (r'say="a \"b\" \\ \w"', [r'say=a "b" \ \w'], [r'say="a \"b\" \\ \w"']),
        ('x="a|b,c" y', ["x=a|b,c", "y"], ['x="a|b,c"', "y"]),
        ("a, b,c", ["a", "b", "c"], ["a", "b", "c"]),
        (r"pattern=\w+", [r"pattern=\w+"], [r"pattern=\w+"]),
        ('x="a\nb"', ["x=a\nb"], ['x="a\nb"']),
        ("x=a=b", ["x=a=b"], ["x=a=b"]),
    ],
)
def test_arguments_lose_their_quotes_but_not_in_raw_args(
    text: str, args: list[str], raw_args: list[str]
) -> None:
    assert split_arguments(text) == (args, raw_args)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('ip="open', "a quote is opened and never closed"),
        ('"', "never closed"),
        (r'ip="a\"', "never closed"),
        ("keep=all | head", "one command at a time, no pipe: '| head'"),
        ("keep = all", "write name=value without blanks"),
        ("keep= all", "without blanks"),
        ("keep =all", "without blanks"),
    ],
)
def test_arguments_that_are_not_clear_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint.replace("|", r"\|")):
        split_arguments(text)
