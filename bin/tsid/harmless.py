"""Makes texts that strangers chose harmless where the app shows them: in cells, terminals, searches, keys."""

from __future__ import annotations

import re

#: The longest name to show: of a device, a rule, a policy. A key of the KV store may have 1,024 bytes, which
#: so many characters never exceed.
MAX_NAME_LENGTH = 253

#: What makes a spreadsheet read a value as a formula, full width included. White space at the start, which
#: does so too, is gone before.
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001

# Neither a quote, backslash or backtick nor a token's $ and a wildcard: the rest cannot leave a quoted term.
_NOT_IN_A_NAME = re.compile(r"[^\w.:%/ \-]|\A-")


def as_cell(text: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def as_name(text: str) -> str:
    """Return the name of a device as it may stand within quotes in a search, be a key, or start a cell."""
    return _NOT_IN_A_NAME.sub("_", text[:MAX_NAME_LENGTH])


def printable(text: str) -> str:
    """Return a text without what a terminal or a table might take amiss: control and direction characters."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def shown(text: str) -> str:
    """Return a text, printable and not too long, to stand within a sentence."""
    if len(text) > MAX_NAME_LENGTH:
        text = f"{text[: MAX_NAME_LENGTH - 1]}…"
    return printable(text)
