"""Adapts ProperDocs' Markdown to GitHub's."""

from __future__ import annotations

import re


def on_page_markdown(markdown: str, **_: object) -> str:
    """Remove badges of GitHub's workflows: their relative links exist on GitHub only."""
    return re.sub(r"(?m)^\[!\[.*\]\(\.\./\.\./actions/.*\n", "", markdown)


def on_page_content(html: str, **_: object) -> str:
    r"""Remove the backslash of `\|` in a table's code: GitHub needs it, Python-Markdown shows it."""
    return html.replace(r"\|", "|")
