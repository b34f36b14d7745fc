"""Splunk's conf format, and what of it this project refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsid.text import conf

READ = {
    "blanks and comments": ("# no\n\n  # no\n[a]\n  k  =  v \n", {"a": {"k": "v"}}),
    "what comes first is the default": ("k = v\n[a]\n", {"default": {"k": "v"}, "a": {}}),
    "a stanza without a name": ("[]\naccess = read : [ * ]\n", {"": {"access": "read : [ * ]"}}),
    "only the first equals sign counts": ("[a]\nk = x=1 # y\n", {"a": {"k": "x=1 # y"}}),
    "brackets within a header": ("[m(1)]\n[x[y]]\n", {"m(1)": {}, "x[y]": {}}),
    "a value over three lines": (
        "[a]\nk = one \\\n  # two\\\n[three\nl = 4\n",
        {"a": {"k": "one \n  # two\n[three", "l": "4"}},
    ),
    "a backslash at the very end": ("[a]\nk = v\\", {"a": {"k": "v"}}),
    "an empty value": ("[a]\nk =\n", {"a": {"k": ""}}),
    "names keep their case": ("[A]\nK = v\nk = w\n", {"A": {"K": "v", "k": "w"}}),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_stanzas_and_settings_are_read_as_splunk_reads_them(text: str, expected: conf.Conf) -> None:
    assert conf.parse(text) == expected


REFUSED = {
    "[a]\nk = 1\nk = 2\n": "x.conf:3: k occurs twice in its stanza",
    "[a]\n[b]\n[a]\n": r"x.conf:3: \[a\] occurs twice",
    "[a]\nword\n": "x.conf:2: 'word' is neither a stanza nor a setting",
    "[a]\n= v\n": "x.conf:2: '= v' is neither a stanza nor a setting",
    "[a\n": r"x.conf:1: '\[a' is not a valid stanza header",
    "[a]\nk = one \\ \n  two\n": "x.conf:2: a backslash with blanks after it does not continue the line",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED.values())
def test_ambiguous_text_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(conf.ConfError, match=message):
        conf.parse(text, "x.conf")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    path.write_bytes("[a]\nk = ü\n".encode("latin-1"))
    with pytest.raises(conf.ConfError, match=r"x.conf: byte 8 is not UTF-8"):
        conf.read(path)
