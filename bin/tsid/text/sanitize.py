"""Makes texts that strangers chose harmless where the app shows them: in cells, terminals, searches, keys."""

from __future__ import annotations

import re

#: The longest name to show: of a device, a rule, a policy. A key of the KV store may have 1,024 bytes, which
#: so many characters never exceed.
MAX_NAME_LENGTH = 253

#: What makes a spreadsheet read a value as a formula, full width included. White space at the start, which
#: does so too, is gone before.
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001

# Control characters, tabs and plain ends of lines aside; other ends of lines; what turns the direction of
# writing.
_MISLEADING = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
# What else has no width: Unicode's property Default_Ignorable_Code_Point (DerivedCoreProperties.txt). And
# U+1806, which IDNA drops like these (RFC 3454, table B.1).
_WITHOUT_WIDTH = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u1806\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

#: What makes another text be seen than the one that stands there.
MISLEADING = re.compile(f"[{_MISLEADING}]")

#: The same, and what is not seen at all. Texts need some of it, such as the joiners of Persian; names do not.
INVISIBLE = re.compile(f"[{_MISLEADING}{_WITHOUT_WIDTH}]")

# Neither a quote, backslash or backtick nor a token's $ and a wildcard: the rest cannot leave a quoted term.
_NOT_IN_A_NAME = re.compile(r"[^\w.:%/ \-]|\A-")


def escape_formula(text: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def safe_device_name(text: str) -> str:
    """Return the name of a device as it may stand within quotes in a search, be a key, or start a cell."""
    name = text[:MAX_NAME_LENGTH]
    # So are most addresses, and it is much faster to see.
    if name.isascii() and name.replace(".", "").isalnum():
        return name
    return INVISIBLE.sub("_", _NOT_IN_A_NAME.sub("_", name))


def printable(text: str) -> str:
    """Return a text without what a terminal or a table might take amiss: control and direction characters."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def for_message(text: str) -> str:
    """Return a text, printable and not too long, to stand within a sentence."""
    if len(text) > MAX_NAME_LENGTH:
        text = f"{text[: MAX_NAME_LENGTH - 1]}…"
    return printable(text)
