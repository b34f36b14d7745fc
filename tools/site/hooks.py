"""Adapts ProperDocs' Markdown to GitHub's."""

from __future__ import annotations


def on_page_content(html: str, **_: object) -> str:
    r"""Remove the backslash of `\|` in a table's code: GitHub needs it, Python-Markdown shows it."""
    return html.replace(r"\|", "|")
