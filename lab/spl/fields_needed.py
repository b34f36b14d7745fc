"""Which fields a search asks for, from which follows what splunkd extracts (`lab.host.extraction`).

From the end of the pipeline to its start: what the last command needs, then what the one before needs for
that, and so on. A command that transforms (`stats`, `timechart`, `table`, `fields`) needs what it names,
whatever follows; without one the results are events, and all fields are needed (Splunk, Search Manual:
"Search modes"; Search Reference: the page of each command). Where it is open whether Splunk needs a field, it
is not needed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from lab.host.extraction import ALL
from lab.spl import aggregates
from lab.spl.expressions import parse as parse_expression
from lab.spl.functions import Context
from lab.spl.predicate import parse_predicate
from lab.spl.syntax import Command, bracketed, options, outside_quotes, pipeline, split, words

Needed = frozenset[str]

#: A search without a command that transforms.
EVERYTHING: Needed = frozenset((ALL,))


def fields_needed(
    commands: Sequence[Command],
    context: Context,
    required: Callable[[Command], Iterable[str]],
    after: Needed = EVERYTHING,
) -> Needed:
    """Return the fields that events must have for the commands that follow.

    Args:
        commands: behind the one that yields the events, with macros expanded.
        context: the search's times.
        required: returns what a command that is not Splunk's own requires; refuses an unknown command.
        after: what is needed of the result.

    Raises:
        SplError: a command is unknown, or its arguments are not valid (`lab.spl.values`).
    """
    needed = after
    for command in reversed(commands):
        if command.name == "appendpipe":
            inner = pipeline(f"|{bracketed(command.arguments)}")
            needed |= fields_needed(inner, context, required, needed)
        elif command.name in _NEEDS:
            needed = _NEEDS[command.name](_without_subsearches(command.arguments), context, needed)
        else:
            needed |= frozenset(required(command))
    return needed


def _without_subsearches(arguments: str) -> str:
    """Return a command's arguments without the subsearches in them, which need fields of their own events."""
    while "[" in (quoted := outside_quotes(arguments)):
        start = quoted.index("[")
        arguments = arguments[:start] + arguments[start + len(bracketed(arguments[start:])) + 2 :]
    return arguments


def _pass(_: str, __: Context, needed: Needed) -> Needed:
    return needed


def _search(arguments: str, _: Context, needed: Needed) -> Needed:
    return needed | parse_predicate(arguments).fields


def _where(arguments: str, context: Context, needed: Needed) -> Needed:
    return needed | parse_expression(arguments, context).fields


def _eval(arguments: str, context: Context, needed: Needed) -> Needed:
    for part in reversed(split(arguments, ",")):
        name, _, expression = part.partition("=")
        needed = needed - {name.strip().strip("\"'")} | parse_expression(expression, context).fields
    return needed


def _fields(arguments: str, _: Context, needed: Needed) -> Needed:
    return needed if arguments.startswith("-") else frozenset(words(arguments.lstrip("+")))


def _table(arguments: str, _: Context, __: Needed) -> Needed:
    return frozenset(words(arguments))


def _return(arguments: str, _: Context, __: Needed) -> Needed:
    return frozenset(name.lstrip("$") for name in words(arguments))


def _rename(arguments: str, _: Context, needed: Needed) -> Needed:
    listed = list(words(arguments))
    return needed - frozenset(listed[2::3]) | frozenset(listed[::3])


def _names(arguments: str, _: Context, needed: Needed) -> Needed:
    """Name fields among signs, numbers, options and functions of sort, which do no harm."""
    return needed | frozenset(re.findall(r"[\w.:{}]+", arguments))


def _stats(arguments: str, context: Context, _: Needed) -> Needed:
    return _aggregated(arguments, context)


def _eventstats(arguments: str, context: Context, needed: Needed) -> Needed:
    made = frozenset(part.name for part in aggregates.parse(arguments, context).parts)
    return needed - made | _aggregated(arguments, context)


def _timechart(arguments: str, context: Context, _: Needed) -> Needed:
    known = ("span", "minspan", "limit", "useother", "usenull")
    return _aggregated(options(arguments, known)[1], context) | {"_time"}


def _aggregated(arguments: str, context: Context) -> Needed:
    return aggregates.parse(arguments, context).fields


def _lookup(arguments: str, _: Context, needed: Needed) -> Needed:
    """Read `lookup NAME column AS field … OUTPUT column AS field …`."""
    inputs: list[str] = []
    outputs: list[str] = []
    target, listed = inputs, list(words(options(arguments, ("local",))[1]))[1:]
    for place, word in enumerate(listed):
        if word in ("OUTPUT", "OUTPUTNEW"):
            target = outputs if word == "OUTPUT" else []
        elif word.upper() == "AS":
            target[-1] = listed[place + 1]
        elif listed[place - 1 : place] not in (["AS"], ["as"]):
            target.append(word)
    return needed - frozenset(outputs) | frozenset(inputs)


def _everything(_: str, __: Context, ___: Needed) -> Needed:
    return EVERYTHING


_NEEDS: Mapping[str, Callable[[str, Context, Needed], Needed]] = {
    "search": _search,
    "where": _where,
    "eval": _eval,
    "fields": _fields,
    "table": _table,
    "rename": _rename,
    "sort": _names,
    "head": _pass,
    "dedup": _names,
    "fillnull": _names,
    "mvexpand": _names,
    "bin": _names,
    "stats": _stats,
    "timechart": _timechart,
    "eventstats": _eventstats,
    "lookup": _lookup,
    "outputlookup": _everything,
    "return": _return,
    "addinfo": _pass,
    # They add rows of their own.
    "append": _pass,
    "inputlookup": _pass,
}
