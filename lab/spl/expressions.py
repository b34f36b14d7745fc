"""Expressions of `eval`, `where` and of `stats` functions with `eval`.

Order of evaluation and operators: Splunk, Search Manual, "Boolean expressions with logical operators" (NOT
before AND before OR before XOR) and Search Reference, "eval" (division by zero yields null; a field without a
value is null, and a computation with null yields null).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from lab.spl.functions import FUNCTIONS, Context, Function
from lab.spl.values import Row, SplError, Value, field, number, text, texts

Evaluator = Callable[[Row], Value]


class Expression(NamedTuple):
    """A parsed expression.

    Attributes:
        evaluate: yields its value for a row.
        fields: the names of the fields that it reads.
        is_boolean: it yields a truth value or null.
    """

    evaluate: Evaluator
    fields: frozenset[str]
    is_boolean: bool


class Token(NamedTuple):
    """A piece of an expression: ``kind`` is number, text, name, field (in single quotes) or the operator."""

    kind: str
    text: str


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
      | "(?P<text>(?:[^"\\]|\\.)*)"
      | '(?P<field>[^']+)'
      | (?P<name>[A-Za-z_][\w:]*(?:\{\}|\.[A-Za-z_]\w*)*)
      | (?P<operator>==|!=|<>|<=|>=|[-+*/%.=<>(),])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_WORDS = {"AND", "OR", "NOT", "XOR", "LIKE", "IN"}
_COMPARISONS = {"=": "==", "==": "==", "!=": "!=", "<>": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


def tokenize(source: str) -> list[Token]:
    """Take an expression apart.

    Raises:
        SplError: a character is not part of any token.
    """
    tokens, position, end = [], 0, len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None:
            raise SplError(f"cannot read the expression at: {source[position:].strip()[:40]}")
        kind = match.lastgroup or ""
        value = match.group(kind)
        if kind == "text":
            # Other escapes, of regular expressions mostly, keep their backslash.
            value = _ESCAPE.sub(lambda m: m[1] if m[1] in '"\\' else m[0], value)
        if kind == "operator" or (kind == "name" and value.upper() in _WORDS):
            kind = value.upper()
        tokens.append(Token(kind, value))
        position = match.end()
    return tokens


@lru_cache(maxsize=1024)
def parse(source: str, context: Context) -> Expression:
    """Parse an expression; a search that runs often is parsed once.

    Raises:
        SplError: it is not a valid expression, or uses something unknown to this evaluator.
    """
    parser = _Parser(tokenize(source), context, source)
    return parser.whole()


class _Parser:
    def __init__(self, tokens: Sequence[Token], context: Context, source: str) -> None:
        self._tokens, self._context, self._source = tokens, context, source
        self._place = 0

    def whole(self) -> Expression:
        expression = self._binary(0)
        if self._place < len(self._tokens):
            raise self._error(f"unexpected {self._tokens[self._place].text}")
        return expression

    def _binary(self, level: int) -> Expression:
        """Parse the operators of a level and of all that bind tighter."""
        if level == len(_LEVELS):
            return self._unary()
        if _LEVELS[level] == ("NOT",):
            if self._take("NOT"):
                return _negation(self._binary(level))
            return self._binary(level + 1)
        left = self._binary(level + 1)
        while (operator := self._next()) in _LEVELS[level]:
            self._place += 1
            right = self._binary(level + 1)
            left = _combine(operator, left, right)
        return left

    def _unary(self) -> Expression:
        if self._take("-"):
            return _minus(self._unary())
        return self._primary()

    def _primary(self) -> Expression:
        if self._place >= len(self._tokens):
            raise self._error("the expression ends too early")
        token = self._tokens[self._place]
        self._place += 1
        if token.kind == "(":
            inner = self._binary(0)
            self._expect(")")
            return inner
        if token.kind == "number":
            return _constant(float(token.text))
        if token.kind == "text":
            return _constant(token.text)
        if token.kind == "field":
            return _field(token.text)
        if token.kind in ("IN", "LIKE", "name") and self._next() == "(":
            return self._call(token.text.lower())
        if token.kind == "name":
            if token.text in ("true", "false"):
                raise self._error(f"write {token.text}()")
            return _field(token.text)
        raise self._error(f"unexpected {token.text}")

    def _call(self, name: str) -> Expression:
        self._expect("(")
        arguments: list[Expression] = []
        while not self._take(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._binary(0))
        if name == "mvmap":
            return self._mvmap(arguments)
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._error(f"unknown function {name}")
        if not function.min_arguments <= len(arguments) <= (function.max_arguments or len(arguments)):
            raise self._error(f"wrong number of arguments for {name}")
        if name == "tonumber" and not arguments[0].fields and number(arguments[0].evaluate({})) is None:
            # A field that holds no number yields null; a text in the search itself fails it.
            raise self._error("tonumber of a text that is not a number")
        return _call(function, arguments, self._context)

    def _mvmap(self, arguments: Sequence[Expression]) -> Expression:
        """Return ``mvmap``: evaluates an expression for each value of a field, under the field's name."""
        if len(arguments) != 2 or len(arguments[0].fields) != 1 or arguments[1].is_boolean:
            raise self._error("mvmap takes a field and an expression")
        (name,) = arguments[0].fields
        values, body = arguments[0].evaluate, arguments[1].evaluate

        def evaluate(row: Row) -> Value:
            results = (body({**row, name: value}) for value in texts(values(row)))
            return field([item for result in results for item in texts(result)])

        return Expression(evaluate, arguments[0].fields | arguments[1].fields, False)

    def _next(self) -> str:
        return self._tokens[self._place].kind if self._place < len(self._tokens) else ""

    def _take(self, kind: str) -> bool:
        found = self._next() == kind
        self._place += found
        return found

    def _expect(self, kind: str) -> None:
        if not self._take(kind):
            raise self._error(f"expected {kind}")

    def _error(self, problem: str) -> SplError:
        return SplError(f"{problem} in the expression: {self._source.strip()}")


# Loosest first. Splunk documents the order of the Boolean operators; that arithmetic binds tighter than
# comparison, and multiplication tighter than addition, is usual.
_LEVELS: Sequence[tuple[str, ...]] = (
    ("XOR",),
    ("OR",),
    ("AND",),
    ("NOT",),
    ("=", "==", "!=", "<>", "<", ">", "<=", ">=", "LIKE"),
    (".",),
    ("+", "-"),
    ("*", "/", "%"),
)


def _constant(value: Value) -> Expression:
    return Expression(lambda _: value, frozenset(), False)


def _field(name: str) -> Expression:
    return Expression(lambda row: row.get(name), frozenset((name,)), False)


def _call(function: Function, arguments: Sequence[Expression], context: Context) -> Expression:
    fields = frozenset().union(*(argument.fields for argument in arguments))
    for place, argument in enumerate(arguments):
        wanted = function.wants_boolean(place)
        if wanted and not argument.is_boolean:
            raise SplError(f"argument {place + 1} of {function.name} has to be a condition")
        if argument.is_boolean and not wanted and function.name not in ("tostring", "isnull", "isnotnull"):
            raise SplError(f"argument {place + 1} of {function.name} cannot be a condition")
    parts = [argument.evaluate for argument in arguments]
    return Expression(lambda row: function.apply(row, parts, context), fields, function.is_boolean)


def _negation(inner: Expression) -> Expression:
    _need_boolean("NOT", inner)

    def evaluate(row: Row) -> Value:
        value = inner.evaluate(row)
        return None if value is None else not value

    return Expression(evaluate, inner.fields, True)


def _minus(inner: Expression) -> Expression:
    def evaluate(row: Row) -> Value:
        value = number(_single(inner.evaluate(row), "-"))
        return None if value is None else -value

    return Expression(evaluate, inner.fields, False)


def _combine(operator: str, left: Expression, right: Expression) -> Expression:
    fields = left.fields | right.fields
    if operator in ("AND", "OR", "XOR"):
        _need_boolean(operator, left, right)
        return Expression(_LOGIC[operator](left.evaluate, right.evaluate), fields, True)
    for side in (left, right):
        if side.is_boolean:
            raise SplError(f"a condition next to {operator}")
    if operator in _COMPARISONS:
        sign = _COMPARISONS[operator]
        return Expression(lambda row: _compare(sign, left.evaluate(row), right.evaluate(row)), fields, True)
    if operator == "LIKE":
        like = FUNCTIONS["like"]
        sides = [left.evaluate, right.evaluate]
        return Expression(lambda row: like.apply(row, sides, Context(0)), fields, True)
    return Expression(lambda row: _compute(operator, left.evaluate(row), right.evaluate(row)), fields, False)


def _need_boolean(operator: str, *sides: Expression) -> None:
    for side in sides:
        if not side.is_boolean:
            raise SplError(f"{operator} needs conditions")


def _junction(decisive: bool) -> Callable[[Evaluator, Evaluator], Evaluator]:
    """Return AND or OR: a side with the decisive value decides, even if the other side is null."""

    def combine(left: Evaluator, right: Evaluator) -> Evaluator:
        def evaluate(row: Row) -> Value:
            one, other = left(row), right(row)
            if one is decisive or other is decisive:
                return decisive
            return None if one is None or other is None else not decisive

        return evaluate

    return combine


def _xor(left: Evaluator, right: Evaluator) -> Evaluator:
    def evaluate(row: Row) -> Value:
        one, other = left(row), right(row)
        return None if one is None or other is None else one is not other

    return evaluate


_LOGIC: Mapping[str, Callable[[Evaluator, Evaluator], Evaluator]] = {
    "AND": _junction(decisive=False),
    "OR": _junction(decisive=True),
    "XOR": _xor,
}


def _decimals(value: Value) -> int:
    """Return the number of digits after the point."""
    return len(text(value).partition(".")[2])


def _single(value: Value, operator: str) -> Value:
    if isinstance(value, list):
        raise SplError(f"a field with several values next to {operator}: its meaning is not documented")
    return value


def _compare(sign: str, left: Value, right: Value) -> Value:
    """Compare as numbers if both are, else as texts; with null it is null."""
    one, other = _single(left, sign), _single(right, sign)
    if one is None or other is None:
        return None
    numbers = number(one), number(other)
    if numbers[0] is not None and numbers[1] is not None:
        order = (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
    else:
        order = (text(one) > text(other)) - (text(one) < text(other))
    return {
        "==": order == 0,
        "!=": order != 0,
        "<": order < 0,
        ">": order > 0,
        "<=": order <= 0,
        ">=": order >= 0,
    }[sign]


def _compute(operator: str, left: Value, right: Value) -> Value:
    one, other = _single(left, operator), _single(right, operator)
    if one is None or other is None:
        return None
    if operator == ".":
        return text(one) + text(other)
    a, b = number(one), number(other)
    if a is None or b is None:
        if operator == "+" and a is None and b is None:
            return text(one) + text(other)
        return None
    if (_decimals(one), _decimals(other)) != (0, 0) and (
        operator in "*/%" or _decimals(one) != _decimals(other)
    ):
        # The result has the precision of the least precise input: "eval", Rounding. exact() would be needed.
        raise SplError(f"{text(one)} {operator} {text(other)}: Splunk rounds results of decimal fractions")
    if operator in "/%":
        return None if b == 0 else a / b if operator == "/" else math.fmod(a, b)
    return a + b if operator == "+" else a - b if operator == "-" else a * b
