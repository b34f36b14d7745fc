"""Hostile texts of any length, for every regular expression of the app and every function that reads such.

For an expression they are made of what its own source is made of: long runs of each of its characters and
words, of two of them in turn, behind openings that lead into it, with an end that no match can have.
"""

from __future__ import annotations

import importlib
import io
import itertools
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Callable, NamedTuple, Union

import tsidwire
from lab.growth.sites import expression
from tsid import addresses, names
from tsid.actions import clean_action
from tsid.addresses import parse_address, parse_prefix
from tsid.candidates import candidate_search
from tsid.clocks import Clock, load_clocks
from tsid.csvbytes import (
    decode_multivalue,
    encode_multivalue,
    quote,
    read_rows,
    split_around,
    split_cells,
    unquote,
)
from tsid.enrich import Enricher, Options
from tsid.harmless import as_name, printable, shown
from tsid.lookups import ALIASES, Alias, Lookups, load_lookups
from tsid.names import ascii_host, parse_name
from tsid.rawlines import read_raw
from tsid.refresh import report
from tsid.refresh.certificates import Certificate
from tsid.refresh.items import CHANGE, Item
from tsid.risk import Assessor, FieldNames
from tsid.rowpattern import ADDRESS, DEVICE, EMPTY, NAME, ORDINARY, PORT, any_pattern, ordinary_pattern
from tsid.rows import ChunkEnricher
from tsid.suspicion import Suspicion
from tsid.tables import Row, read_csv, whole_number

Text = Union[str, bytes]


class Case(NamedTuple):
    """Something to run with hostile input of any size.

    Attributes:
        of: the expression or function.
        what: the input, in short.
        prepare: takes the size, in characters or values, and returns what is to be timed.
    """

    of: str
    what: str
    prepare: Callable[[int], Callable[[], object]]


class _Expression(NamedTuple):
    """How to try an expression.

    Attributes:
        use: what the app does with it.
        openings: what leads into it.
        units: more to repeat than its source shows.
        made: the expressions, where they are made at run time; else it is the one at the site.
    """

    use: Callable[[re.Pattern[Any], Any], object]
    openings: Sequence[Text] = ()
    units: Sequence[Text] = ()
    made: Callable[[], Sequence[re.Pattern[bytes]]] = list


def _match(pattern: re.Pattern[Any], text: Any) -> object:
    return pattern.match(text)


def _search(pattern: re.Pattern[Any], text: Any) -> object:
    return pattern.search(text)


def _fullmatch(pattern: re.Pattern[Any], text: Any) -> object:
    return pattern.fullmatch(text)


def _all(pattern: re.Pattern[Any], text: Any) -> object:
    return sum(1 for _ in pattern.finditer(text))


def _substitute(pattern: re.Pattern[Any], text: Any) -> object:
    return pattern.sub(" ", text)


def _one_after_the_other(pattern: re.Pattern[Any], text: Any) -> object:
    position = 0
    while position < len(text) and (found := pattern.match(text, position)) and found.end() > position:
        position = found.end()
    return position


_HEADER = expression("tsid.rows._HEADER")


def _all_of_a_row(pattern: re.Pattern[Any], text: Any) -> object:
    # It is only used for rows that are well-formed.
    row = text + b"\n"
    return _all(pattern, text) if _HEADER.fullmatch(row) else None


_ROW = (
    b'"198.51.100.1"',
    b'"https://www.example.com/a?b"',
    b'"10.0.0.1"',
    b"40000",
    b'"text, with commas"',
    b'"with ""quotes"""',
    b"unquoted",
    b"",
    b'"198.51.100.1"',
)
_ROLES = (ADDRESS, NAME, DEVICE, PORT, ORDINARY, ORDINARY, ORDINARY, EMPTY, ADDRESS)
_ROW_OPENINGS = tuple(b",".join((*_ROW[:place], b'"')) for place in range(len(_ROW)))


def _any_rows() -> list[re.Pattern[bytes]]:
    return [any_pattern(width).expression for width in (1, 9, 200)]


def _ordinary_rows() -> list[re.Pattern[bytes]]:
    swapped = [*_ROW[:3], b"443", *_ROW[4:]]
    bare = [b"", b'"x"', b"", b"", b"a", b'"b"', b"", b"", b""]
    samples: Sequence[Sequence[Sequence[bytes]]] = ([_ROW], [swapped], [_ROW, bare])
    return [ordinary_pattern(_ROLES, list(sample), words=True).expression for sample in samples]


_URLS = ("https://", "//", "https://user@")
_RAW = ("%FTD-1-430003: ", "rec_type=71 ")

#: Every expression of the app, by its site: `lab.growth.sites` says what there is.
EXPRESSIONS: Mapping[str, _Expression] = {
    "tsid.actions._MARKUP": _Expression(_substitute, ["<"]),
    "tsid.addresses._CHARACTERS": _Expression(_match, ["1."]),
    "tsid.addresses._LENGTH": _Expression(_match, ["1"]),
    "tsid.addresses._ZONE": _Expression(_match, ["eth0"]),
    "tsid.csvbytes._CELL": _Expression(_all_of_a_row, [b'"'], [b'"",', b'"a""",']),
    "tsid.csvbytes._DOLLARS": _Expression(_all, [], ["$;", "$$a"]),
    "tsid.csvbytes._QUOTES": _Expression(_all, [], [b'""a']),
    "tsid.csvbytes._TO_COMMA": _Expression(_one_after_the_other, [b"a"], [b"a,"]),
    "tsid.harmless.INVISIBLE": _Expression(_substitute, ["a"], ["\u202e", "a"]),
    "tsid.harmless.MISLEADING": _Expression(_search, [], ["a", "\n"]),
    "tsid.harmless._NOT_IN_A_NAME": _Expression(_substitute, ["-"], ["$", '"']),
    "tsid.lookups._ISO_DAY": _Expression(_match, ["2026-01-01"]),
    "tsid.lookups._SERVICE": _Expression(_match, ["a"]),
    "tsid.names._AUTHORITY_END": _Expression(_search, _URLS, ["a"]),
    "tsid.names._BLANK": _Expression(_substitute, ["a"], ["a "]),
    "tsid.names._HOST": _Expression(_match, ["a.", "*."], ["a.", "a-", "a" * 63 + "."]),
    "tsid.names._PORT": _Expression(_search, ["a:"], [":1", ":a"]),
    "tsid.names._SCHEME": _Expression(_match, ["http", "http:"]),
    "tsid.rawlines._ENCORE": _Expression(
        _all, ["a=", ' a="'], [' a="', " a=b", "a=", ' a=""', "a" * 40 + "="]
    ),
    "tsid.rawlines._ENCORE_CONNECTION": _Expression(_search, [" rec_type=7"], [" rec_type=7", "rec_type=71"]),
    "tsid.rawlines._FTD": _Expression(_search, ["%FTD-1-43000"], ["%FTD-1-43000", "%NGIPS-", "% "]),
    "tsid.rawlines._FTD_KEY": _Expression(_match, ["A", "A "], ["A ", "Ab: "]),
    "tsid.rowpattern._HTTPS": _Expression(_match, [b'"'], [b'"44']),
    "tsid.rowpattern._match_address": _Expression(_fullmatch, [b'"1.2.3.', b'"a:b:', b'"'], [b"1.", b"a:"]),
    "tsid.rowpattern._match_authority": _Expression(_fullmatch, [b'"https://', b'"http://a:'], [b":1"]),
    "tsid.rowpattern.any_pattern": _Expression(
        _all, [b'"', b'a,"'], [b'"",', b'"a""",', b'"a"\n'], _any_rows
    ),
    "tsid.rowpattern.ordinary_pattern": _Expression(
        _all, _ROW_OPENINGS, [b",".join(_ROW) + b"\n", b'"",', b'""'], _ordinary_rows
    ),
    "tsid.rows._HEADER": _Expression(_match, [b'"', b'a,"'], [b'"",', b'"a""",']),
    "tsid.suspicion._AUTHORITY": _Expression(_match, [b'"https://', b'"http'], [b'a""']),
    "tsid.suspicion._LIKE_IPV6": _Expression(_match, ["a"]),
    "tsid.suspicion._ORDINARY_START": _Expression(_match, [b" "]),
    "tsidwire._HEADER": _Expression(_match, [b"chunked ", b"chunked 1.0,1", b"chunked 1.0,1,1"], [b"\n"]),
    "tsidenrich.Prefix._PATTERN": _Expression(_fullmatch, ["a"]),
}

_MOST_UNITS = 12
_CLASSES = {"SPACE": " ", "DIGIT": "0", "WORD": "w"}
# No text that the app looks for ends so.
_TAILS = ("", "\x01")


def expression_cases() -> Iterator[Case]:
    """Yield the cases of all expressions."""
    for site, how in EXPRESSIONS.items():
        for pattern in how.made() or [expression(site)]:
            for opening, unit, tail in _texts(pattern, how):
                yield Case(site, _short(opening, unit, tail), _runner(pattern, how, (opening, unit, tail)))


def _texts(pattern: re.Pattern[Any], how: _Expression) -> Iterator[tuple[Text, Text, Text]]:
    def typed(text: Text) -> Text:
        if isinstance(text, bytes) or isinstance(pattern.pattern, str):
            return text
        return text.encode("latin-1")

    units = [typed(unit) for unit in (*how.units, *_words_of(pattern))]
    units = list(dict.fromkeys(units))[:_MOST_UNITS]
    pairs = [one + other for one, other in itertools.permutations(units[:4], 2)]  # type: ignore[operator]
    for opening in ("", *how.openings):
        for unit in (*units, *pairs):
            for tail in _TAILS:
                yield typed(opening), unit, typed(tail)


def _words_of(pattern: re.Pattern[Any]) -> list[str]:
    """Return the characters and words that an expression is made of."""
    parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
    source = pattern.pattern
    text = source.decode("latin-1") if isinstance(source, bytes) else source
    found: dict[str, None] = {}

    def walk(items: Any) -> None:
        word = ""
        for operation, value in [*items, ("END", None)]:
            if str(operation) == "LITERAL":
                word += chr(value)
                continue
            found.update(dict.fromkeys((word, *word)))
            word = ""
            if str(operation) == "IN":
                found.update(dict.fromkeys(_members(value)))
            elif str(operation) == "NOT_LITERAL":
                found[chr(value)] = None
            else:
                for part in _subpatterns(value):
                    walk(part)

    walk(parser.parse(text))
    found.pop("", None)
    return [*found, "x"]


def _members(members: Any) -> Iterator[str]:
    for kind, value in members:
        if str(kind) == "LITERAL":
            yield chr(value)
        elif str(kind) == "RANGE":
            yield chr(value[0])
        elif str(kind) == "CATEGORY":
            yield _CLASSES.get(str(value).rpartition("_")[2], "x")


def _subpatterns(value: Any) -> Iterator[Any]:
    if hasattr(value, "data"):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _subpatterns(part)


def _short(opening: Text, unit: Text, tail: Text) -> str:
    texts = [t.decode("latin-1") if isinstance(t, bytes) else t for t in (opening, unit, tail)]
    opened, repeated, end = (ascii(t)[1:-1] if len(t) <= 24 else f"{ascii(t[:20])[1:-1]}…" for t in texts)
    return f"{opened}({repeated})*{end}"


def _runner(
    pattern: re.Pattern[Any], how: _Expression, parts: tuple[Text, Text, Text]
) -> Callable[[int], Callable[[], object]]:
    opening, unit, tail = parts

    def prepare(size: int) -> Callable[[], object]:
        text = opening + unit * (size // len(unit)) + tail  # type: ignore[operator]
        return lambda: how.use(pattern, text)

    return prepare


def function_cases(lookups: Path, folder: Path) -> Iterator[Case]:
    """Yield the cases of the functions that read what strangers wrote.

    Args:
        lookups: the app's folder of lookups.
        folder: a folder for files to read.
    """
    loaded = load_lookups(lookups)
    for of, function, openings, units in _READERS:
        for opening, unit, tail in itertools.product(("", *openings), units, _TAILS):
            case = opening, unit, tail
            yield Case(of, _short(*case), _caller(function, case))
    yield from _byte_cases(loaded)
    yield from _event_cases(loaded)
    yield from _other_cases(loaded, load_clocks(lookups), folder)


_NAME_UNITS = (
    "a",
    "a.",
    ".",
    ":",
    ":1",
    "@",
    "/",
    "%",
    "%2e",
    "\u00df",
    "\u3002",
    "[",
    "\\",
    " ",
    "\u202e",
    "=",
    "-",
)
_READERS: Sequence[tuple[str, Callable[[str], object], Sequence[str], Sequence[str]]] = (
    ("tsid.names.parse_name", parse_name, _URLS, _NAME_UNITS),
    ("tsid.names.ascii_host", ascii_host, ["xn--"], _NAME_UNITS),
    ("tsid.addresses.parse_address", parse_address, ["1.", "[", "::"], ["1", ":", "0:", "1.", "[", "%", " "]),
    ("tsid.addresses.parse_prefix", parse_prefix, ["::/", "1.1.1.1/"], ["1", ":", "/", "."]),
    (
        "tsid.rawlines.read_raw",
        read_raw,
        _RAW,
        [
            "Key: v, ",
            ", ",
            "A: ",
            "A",
            ": ",
            ' a="',
            " a=b",
            "=",
            '"',
            " ",
            "a",
            "%FTD-1-43000",
            "rec_type=71",
        ],
    ),
    ("tsid.actions.clean_action", clean_action, ["<"], ["<", ">", "<>", "a ", " ", "a"]),
    (
        "tsid.csvbytes.decode_multivalue",
        decode_multivalue,
        ["$"],
        ["$", "$$", "$;", "$;$", ";", "a", "$$a", "$a$;"],
    ),
    (
        "tsid.harmless",
        lambda text: (as_name(text), shown(text), printable(text)),
        [],
        ["a", "\x1b", "$", "\u202e"],
    ),
    ("tsid.tables.whole_number", lambda text: whole_number(text, 0, 1000), [], ["9", "\u0663"]),
)


def _caller(
    function: Callable[[str], object], parts: tuple[str, str, str]
) -> Callable[[int], Callable[[], object]]:
    opening, unit, tail = parts

    def prepare(size: int) -> Callable[[], object]:
        # Each text is a new one: some answers are remembered.
        number = itertools.count()
        text = opening + unit * (size // len(unit))
        return lambda: function(f"{text}{next(number)}{tail}")

    return prepare


def _byte_cases(lookups: Lookups) -> Iterator[Case]:
    suspicion = Suspicion(lookups)
    for unit in ('"', ",", '",', "a", "\n", "\r\n", '"a', "//", '""'):
        data = unit.encode()

        def body(size: int, data: bytes = data) -> bytes:
            return data * (size // len(data))

        def open_body(size: int, data: bytes = data) -> bytes:
            return b'"' + data * (size // len(data))

        def cells(size: int, unit: str = unit) -> bytes:
            return b",".join([quote(unit * (size // 4 // len(unit)))] * 4)

        what = f"({ascii(unit)[1:-1]})*"
        yield Case("tsid.csvbytes.read_rows", what, _on(_count_rows, body))
        yield Case("tsid.csvbytes.read_rows", f'"{what}', _on(_count_rows, open_body))
        yield Case("tsid.csvbytes.split_cells", what, _on(split_cells, cells))
        yield Case("tsid.csvbytes.split_around", what, _on(_split_around, cells))
        yield Case("tsid.csvbytes.unquote", what, _on(unquote, cells))
        yield Case("tsid.suspicion", what, _on(partial(_ask, suspicion), cells))
        yield Case("tsidwire", what, _on(_header, body))


def _on(
    function: Callable[[Any], object], make: Callable[[int], object]
) -> Callable[[int], Callable[[], object]]:
    return lambda size: partial(function, make(size))


def _count_rows(body: bytes) -> int:
    return sum(1 for _ in read_rows(body))


def _split_around(row: bytes) -> object:
    return split_around(row, 4, 1)


def _ask(suspicion: Suspicion, cell: bytes) -> object:
    return suspicion.name(cell), suspicion.endpoint_or_name[cell]


def _header(data: bytes) -> object:
    try:
        return tsidwire.read_request(io.BytesIO(b"chunked 1.0," + data))
    except tsidwire.ChunkError:
        return None


def _event_cases(lookups: Lookups) -> Iterator[Case]:
    """Yield events with many values, through the exact way and through the one by bytes."""
    known = sorted(lookups.canonical.union(lookups.aliases))
    suspicion = Suspicion(lookups)
    endpoints = [endpoint.network.partition("/")[0] for _, endpoint in lookups.endpoint_rows]

    def different(size: int) -> list[str]:
        return [f"198.18.{n >> 8 & 255}.{n & 255}" if n < 65536 else f"2001:db8::{n:x}" for n in range(size)]

    def strangers(size: int) -> list[str]:
        return [f"https://{n}.example/" for n in range(size)]

    fields: Mapping[str, Callable[[int], dict[str, list[str]]]] = {
        "n addresses, n names": lambda n: {"dest_ip": different(n), "url": strangers(n)},
        "n addresses, each licensing name n times": lambda n: {
            "dest_ip": different(n),
            "url": (known * n)[:n],
        },
        "endpoints and n addresses, n names": lambda n: {
            "dest_ip": [*endpoints, *different(n)],
            "url": [*strangers(n), *known],
        },
        "one endpoint n times, an alias n times": lambda n: {
            "dest_ip": endpoints[:1] * n,
            "url": [f"https://toos.cisco.com/{i}" for i in range(n)],
        },
        "n devices and addresses, source port 443": lambda n: {
            "dest_ip": different(n),
            "src_ip": [*different(n), *endpoints],
            "src_port": ["443"] * n,
        },
        "n actions": lambda n: {"dest_ip": endpoints[:1], "action": [f"<b>{i} block" for i in range(n)]},
        "a raw text of n keys": lambda n: {
            "_raw": ["%FTD-1-430003: " + "DstIP: 1.1.1.1, URL: a, " * (n // 4)]
        },
    }
    options = Options(raw=True)
    for what, make in fields.items():

        def exact(size: int, make: Any = make) -> Callable[[], object]:
            event = make(size // 8)
            # A new one each time, because it remembers.
            return lambda: _forgetting(Enricher(lookups, options).enrich, event)

        def by_bytes(size: int, make: Any = make) -> Callable[[], object]:
            event = make(size // 8)
            names = [*event, *(f"__mv_{name}" for name in event)]
            cells = [
                *("\n".join(event[name]) for name in event),
                *(encode_multivalue(event[n]) for n in event),
            ]
            body = b",".join(map(quote, names)) + b"\n" + b",".join(map(quote, cells)) + b"\n"
            return lambda: _forgetting(ChunkEnricher(Enricher(lookups, options), suspicion).enrich, [body])

        yield Case("tsid.enrich.Enricher", what, exact)
        yield Case("tsid.rows.ChunkEnricher", what, by_bytes)
    for what, row in _BODIES.items():

        def rows(size: int, row: bytes = row) -> Callable[[], object]:
            header = b"dest_ip,url,src_ip,src_port,note\n"
            body = header + (
                row * (size // len(row)) if len(row) > 8 else b'"1.1.1.1","' + row * size + b'",,,\n'
            )
            return lambda: ChunkEnricher(Enricher(lookups, Options()), suspicion).enrich([body])

        yield Case("tsid.rows.ChunkEnricher", what, rows)


_BODIES = {
    "a URL of n letters": b"a",
    "a URL of n doubled quotes": b'""',
    "a cell of n commas": b",",
    "n ordinary rows": b'"198.51.100.1","https://www.example.com/","10.0.0.1",1,"x"\n',
    "n rows with a stray quote": b'"198.51.100.1","https://"www.example.com/","10.0.0.1",1,"x"\n',
    "n rows of other lengths": b'"198.51.100.1","a","b"\n"c","d"\n',
    "n rows without an end of quotes": b'"198.51.100.1","a,b,c,d\n',
}


def _other_cases(lookups: Lookups, clocks: Mapping[str, Clock], folder: Path) -> Iterator[Case]:
    def table(line: str) -> Callable[[int], Callable[[], object]]:
        def prepare(size: int) -> Callable[[], object]:
            path = folder / "hostile.csv"
            path.write_text("alias,host\n" + line * (size // len(line)), encoding="utf-8")
            return lambda: _read_table(path)

        return prepare

    for line in ("a,b\n", '"', '""', ",", "\n", "a", '"a\n', "\u202e"):
        yield Case("tsid.tables.read_csv", f"({ascii(line)[1:-1]})*", table(line))

    def aliases(size: int) -> Callable[[], object]:
        row = Row({}, "", 1)
        many = {f'{n}".example': Alias(f'{n}".example', "", row) for n in range(size // 8)}
        return lambda: candidate_search(lookups._replace(aliases=many))

    yield Case("tsid.candidates.candidate_search", "n aliases with quotes", aliases)
    assessor = Assessor(clocks, FieldNames(), "classic", 1_700_000_000.0)
    for unit in ("9", "0.", "1e", "\u0663", " ", "x", "\x1b"):
        for field in ("last_allowed", "blocked_since_allowed", "model", "last_rule", "last_advice"):

            def assess(size: int, unit: str = unit, field: str = field) -> Callable[[], object]:
                row = {"last_blocked": "1699999999", field: unit * (size // len(unit))}
                return lambda: assessor.assess(row)

            yield Case("tsid.risk.Assessor", f"{field}: ({ascii(unit)[1:-1]})*", assess)
    for what, name in (("n names", "a.cisco.com"), ("n names with wildcards", "*.cisco.com")):

        def certificate(size: int, name: str = name) -> Certificate:
            return Certificate([], [f"{number}{name}" for number in range(size // 8)], [])

        yield Case("tsid.refresh.certificates.Certificate", what, _on(_is_for, certificate))
    for unit in ("a", "a ", "-", "a-", "\u202e", "\x1b"):

        def told(size: int, unit: str = unit) -> Callable[[], object]:
            text = unit * (size // len(unit))
            plan = _Told([Item(CHANGE, "aliases", "new", text, "h", text)])
            return lambda: report.as_text(plan)  # type: ignore[arg-type]

        yield Case("tsid.refresh.report.as_text", f"({ascii(unit)[1:-1]})*", told)


def _is_for(certificate: Certificate) -> bool:
    return bool(_forgetting(certificate.is_for, "x.cisco.com"))


def _forgetting(function: Callable[[Any], Any], value: Any) -> Any:
    """Call a function as if for the first time."""
    for memory in (names._parse_again, addresses._parse, addresses._canonical):
        memory.cache_clear()
    return function(value)


class _Told:
    """As much of a plan as the report for people reads."""

    checked = True

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items

    def of_kind(self, kind: str) -> Sequence[Item]:
        return [item for item in self.items if item.kind == kind]


def _read_table(path: Path) -> object:
    try:
        return sum(1 for _ in read_csv(path, ALIASES))
    except Exception as error:
        return error
