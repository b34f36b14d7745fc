"""Conditions of the `search` command (Splunk, Search Reference, "search").

OR binds closer than AND, which joins terms that are written next to each other. A comparison is true if one
of the field's values meets it, and false for a field without any; so ``NOT a=1`` lets through what ``a!=1``
does not. ``=`` compares texts, without regard to letter case; ``*`` matches anything, and a network matches
the addresses in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import netaddr

from lab.spl.values import Row, SplError, number, texts

Test = Callable[[Row], bool]


class Predicate(NamedTuple):
    """A condition and the fields that it reads."""

    test: Test
    fields: frozenset[str]


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<bracket>[()])
      | (?P<comparison>(?:"(?:[^"\\]|\\.)*"|[\w:.{}*-]+)\s*(?:!=|<=|>=|=|<|>)
                       \s*(?:"(?:[^"\\]|\\.)*"|[^\s()"]+))
      | (?P<membership>[\w:.{}-]+\s+IN\s*\((?:"(?:[^"\\]|\\.)*"|[^()"])*\))
      | "(?P<phrase>(?:[^"\\]|\\.)*)"
      | (?P<word>[^\s()"]+)
    )""",
    re.VERBOSE,
)
_COMPARISON = re.compile(r"(.*?)\s*(!=|<=|>=|=|<|>)\s*(.*)\Z", re.DOTALL)
_MEMBERSHIP = re.compile(r"(\S+)\s+IN\s*\((.*)\)\Z", re.DOTALL)
_MEMBER = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|\Z)')
_ESCAPE = re.compile(r'\\(["\\])')


def parse_predicate(source: str) -> Predicate:
    """Parse the arguments of `search`; without arguments every event passes.

    Raises:
        SplError: they are not valid, or use something unknown to this evaluator.
    """
    tokens, position, end = [], 0, len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None:
            raise SplError(f"cannot read the search terms at: {source[position:].strip()[:40]}")
        kind = match.lastgroup or ""
        tokens.append((kind, match.group(kind)))
        position = match.end()
    if not tokens:
        return Predicate(lambda _: True, frozenset())
    return _Parser(tokens).whole()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._place = 0

    def whole(self) -> Predicate:
        predicate = self._all()
        if self._place < len(self._tokens):
            raise SplError(f"unexpected {self._tokens[self._place][1]} among the search terms")
        return predicate

    def _all(self) -> Predicate:
        parts = [self._any()]
        while self._next() not in (None, ("bracket", ")")):
            self._take("AND")
            parts.append(self._any())
        tests = [part.test for part in parts]
        return Predicate(lambda row: all(test(row) for test in tests), _fields(parts))

    def _any(self) -> Predicate:
        parts = [self._one()]
        while self._take("OR"):
            parts.append(self._one())
        tests = [part.test for part in parts]
        return Predicate(lambda row: any(test(row) for test in tests), _fields(parts))

    def _one(self) -> Predicate:
        if self._take("NOT"):
            inner = self._one()
            return Predicate(lambda row: not inner.test(row), inner.fields)
        token = self._next()
        if token is None:
            raise SplError("the search terms end too early")
        self._place += 1
        kind, source = token
        if token == ("bracket", "("):
            inner = self._all()
            if self._next() != ("bracket", ")"):
                raise SplError(") is missing among the search terms")
            self._place += 1
            return inner
        if kind == "comparison":
            return _comparison(source)
        if kind == "membership":
            return _membership(source)
        if kind == "bracket" or source in ("AND", "OR", "XOR"):
            raise SplError(f"unexpected {source} among the search terms")
        return _term(_unescaped(source))

    def _next(self) -> tuple[str, str] | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        found = self._next() == ("word", word)
        self._place += found
        return found


def _fields(parts: list[Predicate]) -> frozenset[str]:
    return frozenset().union(*(part.fields for part in parts))


def _unescaped(source: str) -> str:
    return _ESCAPE.sub(r"\1", source)


def _bare(source: str) -> str:
    return _unescaped(source[1:-1]) if source.startswith('"') else source


def _comparison(source: str) -> Predicate:
    found = _COMPARISON.match(source)
    if found is None:
        raise SplError(f"cannot read the comparison {source}")
    name, sign, wanted = _bare(found[1]), found[2], _bare(found[3])
    if sign in ("=", "!="):
        matches = _matcher(wanted)
        if sign == "=":
            return Predicate(lambda row: any(map(matches, texts(row.get(name)))), frozenset((name,)))
        return Predicate(
            lambda row: any(not matches(value) for value in texts(row.get(name))), frozenset((name,))
        )
    limit = number(wanted)
    if limit is None:
        raise SplError(f"{name}{sign}{wanted}: only numbers are compared by size here")

    def test(row: Row) -> bool:
        numbers = [found for found in map(number, texts(row.get(name))) if found is not None]
        return any(
            value < limit
            if sign == "<"
            else value > limit
            if sign == ">"
            else value <= limit
            if sign == "<="
            else value >= limit
            for value in numbers
        )

    return Predicate(test, frozenset((name,)))


def _membership(source: str) -> Predicate:
    found = _MEMBERSHIP.match(source)
    if found is None:
        raise SplError(f"cannot read {source}")
    name, rest, matchers = found[1], found[2].strip(), []
    while rest:
        member = _MEMBER.match(rest)
        if member is None:
            raise SplError(f"cannot read the list of {name} IN at: {rest[:40]}")
        matchers.append(_matcher(_unescaped(member[1]) if member[1] is not None else member[2]))
        rest = rest[member.end() :].lstrip()
    if not matchers:
        raise SplError(f"{name} IN has an empty list")

    def test(row: Row) -> bool:
        return any(matches(value) for value in texts(row.get(name)) for matches in matchers)

    return Predicate(test, frozenset((name,)))


def _matcher(wanted: str) -> Callable[[str], bool]:
    """Return a test for a field's value: equal as a text in which * matches anything, or in the network."""
    pattern = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.IGNORECASE | re.DOTALL)
    network = netaddr.IPNetwork(wanted) if _is_network(wanted) else None

    def matches(value: str) -> bool:
        if pattern.fullmatch(value):
            return True
        return (
            network is not None
            and (netaddr.valid_ipv4(value) or netaddr.valid_ipv6(value))
            and value in network
        )

    return matches


def _is_network(wanted: str) -> bool:
    address, _, length = wanted.partition("/")
    return length.isdecimal() and (netaddr.valid_ipv4(address) or netaddr.valid_ipv6(address))


def _term(term: str) -> Predicate:
    """Return a test for a word or phrase in the raw text; it begins and ends where a word does."""
    if not term.strip("*"):
        # Everything, including results without raw text.
        return Predicate(lambda _: True, frozenset())
    body = ".*?".join(map(re.escape, term.split("*")))
    pattern = re.compile(rf"(?<![^\W_]){body}" + ("" if term.endswith("*") else r"(?![^\W_])"), re.IGNORECASE)
    longest = max(term.lower().split("*"), key=len) if term.isascii() else ""

    def found(value: str) -> bool:
        # Looking for the letters first is much faster than the expression. Only in ASCII does lower agree
        # with IGNORECASE.
        return (longest in value.lower() or not value.isascii()) and pattern.search(value) is not None

    return Predicate(lambda row: any(found(value) for value in texts(row.get("_raw"))), frozenset(("_raw",)))
