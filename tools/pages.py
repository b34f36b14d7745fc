"""Reads the code in a Markdown page, with a parser for GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").enable("table")


class Code(NamedTuple):
    """A piece of code; ``line`` is the first of its block, paragraph or table row."""

    line: int
    text: str
    block: bool


def code_of(markdown: str) -> Iterator[Code]:
    """Yield the code of a page from top to bottom: blocks, and text in backticks."""
    line = 1
    for token in _flat(_PARSER.parse(markdown)):
        if token.map:
            line = token.map[0] + 1
        if token.type in ("code_block", "fence"):
            yield Code(line + (token.type == "fence"), token.content.rstrip("\n"), block=True)
        elif token.type == "code_inline":
            yield Code(line, token.content, block=False)


def _flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or ())
