"""Checks the wording of what people read, for `make lint`: spelling with codespell, and phrases.

A phrase is in the list because readers stumbled over it. Add others with what to write instead.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.common import ROOT, ToolError, run

_NOUN = (
    "hosts?|hostnames?|names?|alias(?:es)?|address(?:es)?|numbers?|records?|blocks?|chunks?|proof|"
    "typosquats?|place|endpoints?|words?|values?|multiples?|harm|attempts?|success(?:es)?|events?|certificates?"
)
_PLACE = "in|on|outside|within|between|under|behind|below|there"

PHRASES: Mapping[str, str] = {
    rf"(?<!there\s)(?<!There\s)\b(?:is|are) no (?:{_NOUN})\b": "is not a …",
    r"\bhost\x20names?\b": "hostname",
    r"\bbites?\b": "say what happens",
    r"\bbears? (?:a|an|the|their|its|it|no|any)\b": "has, contains, uses",
    r"\ba hand for\b": "helps, opens",
    r"\bnone the worse\b": "works as before",
    r"\bOf the \w+ \w+ no \w+ is\b": "No … of the … is …",
    rf"\bstands? (?:{_PLACE})\b(?! for)": "is in, is on",
    rf"\blies? (?:{_PLACE})\b": "is in, is outside",
    r"\bbeside\b": "next to, in addition to",
    r"\b[Tt]ells? (?:whether|of|which|when|why|what|how|that|it|the two)\b": "say, show, distinguish",
    r"\bis (?:not )?told\b": "shows, says",
    r"\bin the place of\b": "replaces, instead of",
    r"\bcounts? more than\b": "overrides, takes precedence over",
    r"\bis no place for\b": "does not belong in",
    r"\bwithout a Splunk\b": "without Splunk",
}
"""Regular expressions, each with what to write instead; a blank matches any white space."""

PROSE_ONLY: Mapping[str, str] = {
    r"\b[Ll]icenses?\b": "licence (only Cisco's and Splunk's own names have an s)"
}
"""The same for Markdown outside of code."""

WORDS = ROOT / "tools" / "prose-words.txt"
"""What codespell takes for misspelt and is right."""

_ENDINGS = (".conf", ".jsx", ".md", ".mjs", ".py", ".spec", ".xml", ".yml")
_NOT_OURS = ("LICENSE", "lookups/", "requirements/", "tools/prose", "tests/tools/test_prose.py")
_NOT_YET = re.compile(
    r"bin/tsid/(text|hotpath)/|bin/tsid/decision/reader|tests/(text|hotpath)/|default/(savedsearches|macros)\.conf|"
    r"default/data/ui/views/|docs/(searches|fields|dashboards)\.md|docs/images/"
)
"""Files whose wording has not been gone through yet: only their spelling is checked."""

_CODE = re.compile(r"(?ms)^```.*?^```|^ {4}[^\n]*|``.+?``|`[^`\n]+`|\]\([^)\n]*\)")


def main() -> None:
    """Print each finding as file, line and what to write instead.

    Raises:
        ToolError: there are findings.
    """
    names = list(_files())
    found = [finding for name in names if not _NOT_YET.search(name) for finding in check(name, _read(name))]
    print(*found, sep="\n", end="\n" if found else "")
    spelling = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "--ignore-words", str(WORDS), *names],
        check=False,
        cwd=ROOT,
    )
    if found or spelling.returncode:
        raise ToolError("the wording above is not what we want", "write it as proposed")


def check(name: str, text: str) -> Iterator[str]:
    """Yield the findings in the text of a file."""
    phrases = dict(PHRASES)
    if name.endswith(".md"):
        phrases.update(PROSE_ONLY)
        text = _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
    for phrase, instead in phrases.items():
        for match in re.finditer(phrase.replace(" ", r"\s+(?:#\s+)?"), text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: {' '.join(match[0].split())!r}: {instead}"


def _files() -> Iterator[str]:
    """Yield the text files of the repository that are ours."""
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout
    for name in listed.splitlines():
        ours = name.endswith(_ENDINGS) or name == "Makefile"
        if ours and not name.startswith(_NOT_OURS) and (ROOT / name).is_file():
            yield name


def _read(name: str) -> str:
    return Path(ROOT, name).read_text(encoding="utf-8")


if __name__ == "__main__":
    run(main)
