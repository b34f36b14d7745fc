"""Hostile text costs linear time, in every regular expression and in every function that reads such text.

The expressions are found in the modules. The hostile texts are made from each expression's own source: the start
of an example, then its characters and words repeated, then an end that does not match.
"""

from __future__ import annotations

import importlib
import io
import itertools
import pkgutil
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Union

import tsidsplunk
from tsidsplunk.protocol import ChunkError, read_request

import pytest

import tsid
from tsid.decision.enrich import Enricher, Options
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import ALIASES, Lookups
from tsid.facts.tables import read_csv
from tsid.hotpath.chunk_enricher import ChunkEnricher
from tsid.hotpath.csvbytes import CELL, decode_multivalue, encode_multivalue, quote, read_rows, split_cells
from tsid.hotpath.prefilter import Prefilter
from tsid.hotpath.row_pattern import (
    ADDRESS,
    DEVICE,
    EMPTY,
    NAME,
    ORDINARY,
    PORT,
    any_pattern,
    ordinary_pattern,
)
from tsid.text.addresses import parse_address
from tsid.text.names import parse_name
from tsid.text.raw_events import read_raw
from tsid.text.sanitize import escape_formula, for_message, printable, safe_device_name

parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

Text = Union[str, bytes]
BIN = Path(__file__).resolve().parents[2] / "bin"
SMALL, LARGE = 8 << 10, 32 << 10  # characters
NEGLIGIBLE = 0.01  # seconds: at this size a quadratic search takes many times as long
SUPERLINEAR = 8  # four times the text: linear takes 4 times as long, quadratic 16 times
ROW = [b'"198.51.100.1"', b'"https://www.example.com/"', b'"10.0.0.1"', b"40000", b'"a ""b"""', b"c", b""]
ROLES = [ADDRESS, NAME, DEVICE, PORT, ORDINARY, ORDINARY, EMPTY]
SAMPLES = ([ROW], [[*ROW[:3], b"443", *ROW[4:]]], [ROW, [b"", b'"x"', *ROW[2:5], b'"d"', b""]])
is_well_formed = re.compile(rb"%b(?:,%b)*" % (CELL, CELL)).fullmatch


def expressions() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the names and expressions of the app's modules and classes, and expressions made for rows."""
    known = set()
    packages = [(package.__path__, f"{package.__name__}.") for package in (tsid, tsidsplunk)]
    names = [info.name for path, prefix in packages for info in pkgutil.walk_packages(path, prefix)]
    for name in (*names, *(path.stem for path in BIN.glob("*.py"))):
        module = importlib.import_module(name)
        for scope in (module, *(each for each in vars(module).values() if isinstance(each, type))):
            for attribute, value in vars(scope).items():
                found = getattr(value, "__self__", value)
                if isinstance(found, re.Pattern) and found not in known:
                    known.add(found)
                    yield f"{name}.{attribute}", found
    for number, sample in enumerate(SAMPLES):
        yield f"ordinary_pattern {number}", ordinary_pattern(ROLES, sample, words=True).expression
    yield from ((f"any_pattern {width}", any_pattern(width).expression) for width in (1, 9, 200))


def is_searched(name: str) -> bool:
    """Return whether the app searches for an expression anywhere in a text, not only at its start."""
    uses = rf"\b{name.rpartition('.')[2]}\.(search|sub|subn|split|finditer|findall)\b"
    return " " in name or any(re.search(uses, path.read_text("utf-8")) for path in sources())


def sources() -> list[Path]:
    return [*BIN.glob("*.py"), *BIN.glob("tsid/**/*.py"), *BIN.glob("tsidsplunk/*.py")]


def example(part: Any) -> str:
    """Return a text that a part of a parsed expression matches."""
    kind, value = str(part[0]), part[1]
    if kind == "LITERAL":
        return chr(value)
    if kind == "IN":
        return member(value)
    if kind in ("NOT_LITERAL", "ANY"):
        return "a"
    if kind == "BRANCH":
        return max(map(example_of, value[1]))
    if kind.endswith("REPEAT"):
        return example_of(value[2]) * max(1, int(value[0]))
    if kind in ("SUBPATTERN", "ATOMIC_GROUP"):
        return example_of(value[-1] if kind == "SUBPATTERN" else value)
    assert kind not in ("GROUPREF", "GROUPREF_EXISTS"), "the app has no expression with a back-reference"
    return ""


def example_of(parts: Any) -> str:
    return "".join(map(example, parts))


def member(members: Any) -> str:
    kind, value = members[0]
    if str(kind) == "NEGATE":
        unwanted = {value for kind, value in members[1:] if str(kind) == "LITERAL"}
        return next(letter for letter in "a0 " if ord(letter) not in unwanted)
    if str(kind) == "CATEGORY":
        return {"SPACE": " ", "DIGIT": "0"}.get(str(value).rpartition("_")[2], "w")
    return chr(value[0] if str(kind) == "RANGE" else value)


def units(value: Any) -> Iterator[str]:
    """Yield an example of every part of a parsed expression, the smallest parts first."""
    if isinstance(value, parser.SubPattern):
        for part in value:
            yield from units(part[1])
        yield from (*map(example, value), example_of(value))
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from units(each)


def hostile(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Yield openings, texts to repeat after them, and ends."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    openings = ["", *itertools.accumulate(map(example, tree))][:8]
    small = [unit for unit in dict.fromkeys(["x", "\n", '"', *units(tree)]) if 0 < len(unit) <= 40][:14]
    pairs = [one + other for one, other in itertools.permutations(small[:4], 2)]
    return itertools.product(dict.fromkeys(openings), dict.fromkeys([*small, *pairs]), ("", "\x01"))


def repeated(parts: tuple[str, str, str], size: int) -> str:
    opening, unit, end = parts
    return opening + unit * (size // len(unit)) + end


def grows(use: Callable[[Any], object], make: Callable[[int], Any]) -> bool:
    """Return whether the time to use a text grows faster than the text."""

    def seconds(size: int) -> float:
        text = make(size)
        started = time.process_time()
        use(text)
        return time.process_time() - started

    for size in (24, 1 << 10, LARGE):  # exponential growth is found with the short texts
        took = seconds(size)
        if took > NEGLIGIBLE * 20:
            return True
    if took < NEGLIGIBLE or took < SUPERLINEAR * seconds(SMALL):
        return False
    # Measured again several times, because the machine may be busy: real growth shows each time.
    return all(
        min(seconds(LARGE) for _ in range(3)) > SUPERLINEAR * min(seconds(SMALL) for _ in range(3))
        for _ in range(4)
    )


def slow_text(pattern: re.Pattern[Any], *, searched: bool, is_fit: Callable[[Any], object] = bool) -> object:
    """Return a text for which an expression takes more than linear time; None if it never does."""

    def use(text: Any) -> None:
        if searched and is_fit(text):
            pattern.sub(text[:0], text)
        elif not searched:
            pattern.match(text)
            pattern.fullmatch(text)

    def made(parts: tuple[str, str, str], size: int) -> Text:
        text = repeated(parts, size)
        return text if isinstance(pattern.pattern, str) else text.encode("latin-1")

    return next((parts for parts in hostile(pattern) if grows(use, partial(made, parts))), None)


@pytest.mark.parametrize(("name", "pattern"), [pytest.param(*each, id=each[0]) for each in expressions()])
def test_an_expression_takes_linear_time(name: str, pattern: re.Pattern[Any]) -> None:
    is_fit = is_well_formed if name == "tsid.hotpath.csvbytes._CELL" else bool  # it is used on such rows only
    assert slow_text(pattern, searched=is_searched(name), is_fit=is_fit) is None


def test_expressions_of_modules_classes_and_bound_methods_are_found() -> None:
    found = {name for name, _ in expressions()}
    assert {
        "tsid.text.names._HOST",
        "tsidsplunk.options._PATTERN",
        "tsid.hotpath.row_pattern._match_address",
    } <= found


@pytest.mark.parametrize("expression", ["a*a*b", "x(?:[a-z]+)+y"])
def test_an_expression_that_takes_more_than_linear_time_is_noticed(expression: str) -> None:
    assert slow_text(re.compile(expression), searched=False)


def request(body: bytes) -> object:
    with suppress(ChunkError):
        return read_request(io.BytesIO(b"chunked 1.0," + body))
    return None


def table(body: bytes, path: Path) -> object:
    path.write_bytes(b"alias,host\n" + body)
    with suppress(LookupTableError):
        return list(read_csv(path, ALIASES))
    return None


READERS: dict[str, tuple[Callable[[Any], object], tuple[str, ...]]] = {
    "parse_name": (parse_name, ("https://", "//a@", "xn--")),
    "parse_address": (parse_address, ("1.", "[", "::")),
    "read_raw": (read_raw, ("%FTD-1-430003: ", "rec_type=71 ", 'rec_type=71 a="')),
    "decode_multivalue": (decode_multivalue, ("$",)),
    "sanitize": (
        lambda text: [use(text) for use in (escape_formula, safe_device_name, printable, for_message)],
        ("-",),
    ),
    "read_rows": (lambda text: list(read_rows(text.encode())), ('"',)),
    "split_cells": (lambda text: split_cells(quote(text)), (",",)),
    "read_request": (lambda text: request(text.encode()), ("1,", "1,1")),
}
UNITS = [
    *'a.:/@%[\\=-$;, \n\r\u202e\u3002"',
    *('""', '",', '"a\n', "a,b\n", "$;$", "A: b, ", ' a="', " a=b", "%2e"),
]


@pytest.mark.parametrize("name", [*READERS, "read_csv"])
def test_a_function_that_reads_hostile_text_takes_linear_time(name: str, tmp_path: Path) -> None:
    file = tmp_path / "tsid_aliases.csv"
    read, openings = READERS.get(name, (lambda text: table(text.encode(), file), ('"',)))
    assert [
        parts
        for parts in itertools.product(("", *openings), UNITS, ("", "\x01"))
        if grows(read, partial(repeated, parts))
    ] == []


def different(count: int) -> dict[str, list[str]]:
    return {
        "dest_ip": [f"2001:db8::{number:x}" for number in range(count)],
        "url": [f"https://{number}.example/" for number in range(count // 2)]
        + ["toos.cisco.com"] * (count // 2),
    }


def test_an_event_with_many_addresses_and_names_takes_linear_time(lookups: Lookups) -> None:
    def enrich(event: Any) -> object:
        return Enricher(lookups, Options()).enrich(event)

    assert not grows(enrich, lambda size: different(size // 64))


def test_a_row_with_many_addresses_and_names_takes_linear_time(lookups: Lookups) -> None:
    def body(size: int) -> list[bytes]:
        event = different(size // 64)
        cells = [*map("\n".join, event.values()), *map(encode_multivalue, event.values())]
        return [b"dest_ip,url,__mv_dest_ip,__mv_url\n" + b",".join(map(quote, cells)) + b"\n"]

    prefilter = Prefilter(lookups)
    assert not grows(lambda body: ChunkEnricher(Enricher(lookups, Options()), prefilter).enrich(body), body)
