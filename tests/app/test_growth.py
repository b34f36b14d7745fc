"""Hostile text costs linear time, in every regular expression and in every function that reads such text.

The expressions are found in the modules. The hostile texts are made from each expression's own source: the start
of an example, then its characters and words repeated, then an end that does not match.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import accumulate, chain, permutations, product
from pathlib import Path
from typing import Any

import tsidsplunk
from tsidsplunk.protocol import ChunkError, read_request

import pytest

import tsid
from tests.conftest import LOOKUPS, ROOT
from tsid.decision.enrich import Enricher, Options
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import ALIASES, load_lookups
from tsid.facts.tables import read_csv
from tsid.hotpath.chunk_enricher import ChunkEnricher
from tsid.hotpath.csvbytes import CELL, decode_multivalue, encode_multivalue, quote, read_rows, split_cells
from tsid.hotpath.prefilter import Prefilter
from tsid.hotpath.row_pattern import any_pattern, ordinary_pattern
from tsid.text.addresses import parse_address
from tsid.text.names import parse_name
from tsid.text.raw_events import read_raw
from tsid.text.sanitize import escape_formula, for_message, printable, safe_device_name

# Python's own parser and compiler of expressions.
parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
compiler: Any = importlib.import_module("re._compiler" if sys.version_info >= (3, 11) else "sre_compile")

Case = tuple[Callable[[Any], object], Iterable[Callable[[int], Any]]]
"""A function, and others that make it a hostile text of a size."""

SMALL, LARGE = 8 << 10, 32 << 10  # characters
NEGLIGIBLE, TOO_LONG = 0.01, 0.2  # seconds: for the large text quadratic growth takes many times as long
SUPERLINEAR = 8  # four times the text: linear takes 4 times as long, quadratic 16 times
ROLES = ["address", "name", "device", "port", "ordinary", "ordinary", "empty"]
ROW = [b'"198.51.100.1"', b'"https://www.example.com/"', b'"10.0.0.1"', b"40000", b'"a ""b"""', b"c", b""]
SAMPLES = [[ROW], [[*ROW[:3], b"443", *ROW[4:]]], [ROW, [b"", b'"x"', *ROW[2:5], b'"d"', b""]]]
# With minimal quotes, and with all cells quoted.
SAMPLES += [[[cell if b'""' in cell else cell.strip(b'"') for cell in ROW]]]
SAMPLES += [[[b'"%b"' % cell.strip(b'"') for cell in ROW]]]
SOURCES = [path for path in (ROOT / "bin").rglob("*.py") if "lib" not in path.parts]
is_well_formed = re.compile(rb"%b(?:,%b)*" % (CELL, CELL)).fullmatch


def expressions() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the names and expressions of the app's modules and classes, and expressions made for rows."""
    packages = [pkgutil.walk_packages(each.__path__, f"{each.__name__}.") for each in (tsid, tsidsplunk)]
    names = [info.name for package in packages for info in package]
    names += [path.stem for path in SOURCES if path.parent.name == "bin"]
    known = set()
    for module in map(importlib.import_module, names):
        for scope in (module, *(each for each in vars(module).values() if isinstance(each, type))):
            for attribute, value in vars(scope).items():
                pattern = getattr(value, "__self__", value)
                if isinstance(pattern, re.Pattern) and pattern not in known:
                    known.add(pattern)
                    yield f"{module.__name__}.{attribute}", pattern
    for number, sample in enumerate(SAMPLES):
        yield f"ordinary_pattern {number}", ordinary_pattern(ROLES, sample, words=True).expression
    yield from ((f"any_pattern {width}", any_pattern(width).expression) for width in (1, 9, 200))


def is_searched(name: str) -> bool:
    """Return whether the app searches for an expression anywhere in a text, not only at its start."""
    uses = rf"\b{name.rpartition('.')[2]}\.(search|sub|subn|split|finditer|findall)\b"
    return " " in name or any(re.search(uses, path.read_text("utf-8")) for path in SOURCES)


def example(part: Any) -> str:
    """Return a text that a parsed expression or a part of it matches; what only looks around matches nothing."""
    if isinstance(part, parser.SubPattern):
        return "".join(map(example, part))
    kind, value = str(part[0]), part[1]
    if kind in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
        one = compiler.compile(parser.SubPattern(parser.State(), [part]))
        return str(next(filter(one.match, map(chr, chain(b"a0 -w", range(0x110000))))))
    if kind == "BRANCH":
        return max(map(example, value[1]))
    if kind.endswith("REPEAT"):
        return example(value[2]) * max(1, int(value[0]))
    assert not kind.startswith("GROUPREF"), "the app has no expression with a back-reference"
    if kind in ("SUBPATTERN", "ATOMIC_GROUP"):
        return example(value[-1] if kind == "SUBPATTERN" else value)
    return ""


def units(value: Any) -> Iterator[str]:
    """Yield an example of every part of a parsed expression, the smallest parts first."""
    for part in value if isinstance(value, (parser.SubPattern, tuple, list)) else ():
        yield from units(part[1] if isinstance(value, parser.SubPattern) else part)
    if isinstance(value, parser.SubPattern):
        yield from (*map(example, value), example(value))


def repeated(opening: str, unit: str, end: str, encoding: str, size: int) -> Any:
    text = opening + unit * (size // len(unit)) + end
    return text.encode(encoding) if encoding else text


def attacks(pattern: re.Pattern[Any], *, searched: bool, is_fit: Callable[[Any], object] = bool) -> Case:
    """Return a use of an expression, and hostile texts for it."""

    def use(text: Any) -> None:
        if searched and is_fit(text):
            pattern.sub(text[:0], text)
        elif not searched:
            pattern.match(text)
            pattern.fullmatch(text)

    tree = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    openings = dict.fromkeys(["", *accumulate(map(example, tree))][:8])
    small = [unit for unit in dict.fromkeys(["x", "\n", '"', *units(tree)]) if 0 < len(unit) <= 40][:14]
    small += dict.fromkeys(map("".join, permutations(small[:4], 2)))
    encoding = "" if isinstance(pattern.pattern, str) else "latin-1"
    return use, [partial(repeated, *parts, encoding) for parts in product(openings, small, ("", "\x01"))]


def request(text: str) -> None:
    with suppress(ChunkError):
        read_request(io.BytesIO(b"chunked 1.0," + text.encode()))


def table(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(LookupTableError):
        path = Path(folder, "tsid_aliases.csv")
        path.write_bytes(b"alias,host\n" + text.encode())
        list(read_csv(path, ALIASES))


READERS: dict[str, tuple[Callable[[str], object], list[str]]] = {
    "parse_name": (parse_name, ["https://", "//a@", "xn--"]),
    "parse_address": (parse_address, ["1.", "[", "::"]),
    "read_raw": (read_raw, ["%FTD-1-430003: ", "rec_type=71 ", 'rec_type=71 a="']),
    "decode_multivalue": (decode_multivalue, ["$"]),
    **{use.__name__: (use, ["-"]) for use in (escape_formula, safe_device_name, printable, for_message)},
    "read_rows": (lambda text: list(read_rows(text.encode())), ['"']),
    "split_cells": (lambda text: split_cells(quote(text)), [","]),
    "read_request": (request, ["1,", "1,1"]),
    "read_csv": (table, ['"']),
}
UNITS = [*'a.:/@%[\\=-$;, \n\r\u202e\u3002"']
UNITS += ['""', '",', '"a\n', "a,b\n", "$;$", "A: b, ", ' a="', " a=b", "%2e"]


def different(size: int) -> dict[str, list[str]]:
    """Return an event with many addresses and names."""
    count = size // 64
    names = [f"https://{number}.example/" for number in range(count // 2)]
    return {
        "dest_ip": [f"2001:db8::{number:x}" for number in range(count)],
        "url": names + ["toos.cisco.com"] * (count // 2),
    }


def row(size: int) -> list[bytes]:
    values = different(size).values()
    cells = b",".join(map(quote, [*map("\n".join, values), *map(encode_multivalue, values)]))
    return [b"dest_ip,url,__mv_dest_ip,__mv_url\n" + cells + b"\n"]


def cases() -> Iterator[tuple[str, Case]]:
    for name, pattern in expressions():
        # It is used on such rows only.
        is_fit = is_well_formed if name == "tsid.hotpath.csvbytes._CELL" else bool
        yield name, attacks(pattern, searched=is_searched(name), is_fit=is_fit)
    for name, (read, openings) in READERS.items():
        texts = [partial(repeated, *parts, "") for parts in product(["", *openings], UNITS, ("", "\x01"))]
        yield name, (read, texts)
    lookups = load_lookups(LOOKUPS)
    prefilter = Prefilter(lookups)
    yield "an event", (lambda event: Enricher(lookups, Options()).enrich(event), [different])
    yield "a row", (lambda rows: ChunkEnricher(Enricher(lookups, Options()), prefilter).enrich(rows), [row])


CASES = dict(cases())


def slow_text(case: Case) -> object:
    """Return what makes a text whose use takes a time that grows faster than the text; None if there is none."""
    use, texts = case

    def seconds(make: Callable[[int], Any], size: int) -> float:
        text, started = make(size), time.process_time()
        use(text)
        return time.process_time() - started

    def grows(make: Callable[[int], Any]) -> bool:
        for size in (24, 1 << 10, LARGE):  # exponential growth is found with the short texts
            took = seconds(make, size)
            if took > TOO_LONG and min(took, seconds(make, size)) > TOO_LONG:
                return True
        # Measured again several times, because the machine may be busy: real growth shows each time.
        return took > NEGLIGIBLE and all(
            min(seconds(make, LARGE) for _ in tries) > SUPERLINEAR * min(seconds(make, SMALL) for _ in tries)
            for tries in map(range, (1, 3, 3, 3, 3))
        )

    return next(filter(grows, texts), None)


@pytest.mark.parametrize("name", CASES)
def test_hostile_text_takes_linear_time(name: str) -> None:
    assert slow_text(CASES[name]) is None


def test_expressions_of_modules_classes_and_bound_methods_are_found() -> None:
    some = "tsid.text.names._HOST tsidsplunk.options._PATTERN tsid.hotpath.row_pattern._match_address"
    assert set(some.split()) <= CASES.keys()


@pytest.mark.parametrize("expression", ["a*a*b", "x(?:[a-z]+)+y"])
def test_an_expression_that_takes_more_than_linear_time_is_noticed(expression: str) -> None:
    assert slow_text(attacks(re.compile(expression), searched=False))
