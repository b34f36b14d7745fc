"""Sanitizes untrusted text for the places where the app shows it: cells, terminals, searches, keys."""

from __future__ import annotations

import re

#: The longest name to show: of a device, a rule, a policy. A key of the KV store may have 1,024 bytes,
#: which this many characters never exceed.
MAX_NAME_LENGTH = 253

#: Characters that make a spreadsheet read a value as a formula, full width included. White space at the
#: start, which does the same, has already been removed.
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001

# Control characters except tabs and plain line ends; other line ends; characters that change the direction of
# writing.
_MISLEADING = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
# Other characters without width: Unicode's property Default_Ignorable_Code_Point (DerivedCoreProperties.txt).
# And U+1806, which IDNA drops too (RFC 3454, table B.1).
_WITHOUT_WIDTH = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u1806\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

#: Characters that make a text look like another one.
MISLEADING = re.compile(f"[{_MISLEADING}]")

#: The same, and invisible characters. Texts need some of them, such as the joiners of Persian; names do not.
INVISIBLE = re.compile(f"[{_MISLEADING}{_WITHOUT_WIDTH}]")

# Quotes, backslashes, backticks, the $ of tokens and wildcards could leave a quoted term, or change it.
_NOT_IN_A_NAME = re.compile(r"[^\w.:%/ \-]|\A-")


def escape_formula(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would read as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def safe_device_name(text: str) -> str:
    """Return a device's name in a form that is safe within quotes in a search, as a key, and in a cell."""
    name = text[:MAX_NAME_LENGTH]
    # Most addresses are safe as they are, and this check is much faster.
    if name.isascii() and name.replace(".", "").isalnum():
        return name
    return INVISIBLE.sub("_", _NOT_IN_A_NAME.sub("_", name))


def printable(text: str) -> str:
    """Replace the characters that could harm a terminal or a table: control and direction characters."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def for_message(text: str) -> str:
    """Return a text for use within a sentence: printable, and shortened to `MAX_NAME_LENGTH`."""
    if len(text) > MAX_NAME_LENGTH:
        text = f"{text[: MAX_NAME_LENGTH - 1]}…"
    return printable(text)
