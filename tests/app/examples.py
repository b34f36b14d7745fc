"""The searches in the documentation, and a Splunk in which each of them finds something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from lab.generator import START, LabelledEvent, generate
from lab.spl.commands import COMMANDS
from lab.spl.engine import Splunk
from tools.pages import Code, code_of
from tsid.text import conf

#: Shapes whose events contain the firewall's name.
SHAPES = ("cisco:sfw:estreamer", "cisco:ftd:syslog", "cisco:estreamer:data", "cisco:ftd")

_SEARCH = re.compile(r"\||`tsid|index=")
# Lookups that examples read: a site's list, and the output of another example.
_FILES = ("inventory.csv", "tsid_devices_backup.csv")
_DEVICES = "device,label,model\n10.0.0.1,core-1,classic\n"


def searches_of(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the searches of a page, each with its line."""
    for code in code_of(page.read_text(encoding="utf-8")):
        search = search_in(code)
        if search:
            yield code.line, search


def search_in(code: Code) -> Optional[str]:
    """Return the search that a piece of code is, on one line, or None.

    In text a pipe may also begin a command that is only mentioned (`| tsidrisk`), or the end of a search
    (`| lookup …`).
    """
    search = " ".join(code.text.split())
    if not _SEARCH.match(search):
        return None
    if code.block or not search.startswith("|"):
        return search
    words = search[1:].split()
    known = COMMANDS.get(words[0]) if words else None
    return search if len(words) > 1 and (known is None or known.generates) else None


def searches_of_help(app: Path) -> Iterator[tuple[str, str]]:
    """Yield the examples of the search bar's help, each with its stanza and key."""
    for stanza, settings in conf.read(app / "default" / "searchbnf.conf").items():
        for key, value in settings.items():
            if key.startswith("example"):
                yield f"{stanza}/{key}", value


def labelled_events() -> list[LabelledEvent]:
    """Return an hour of labelled events, many of them licensing traffic."""
    return list(generate(400, seed=7, licensing_share=0.5, shapes=SHAPES, interval=5))


def splunk_for_examples(app: Path) -> Splunk:
    """Return a Splunk with these events in the index that the examples name, a ledger, an inventory and a fault.

    Args:
        app: a copy of the app; the searches write there.
    """
    for name in _FILES:
        (app / "lookups" / name).write_text(_DEVICES, encoding="utf-8")
    (app / "lookups" / "tsid_relays_local.csv").write_text("network\nnowhere\n", encoding="utf-8")
    events = [{**event, "index": "firewall"} for event, _ in labelled_events()]
    events.append(
        {
            "_time": str(START + 3000),
            "_raw": "<187>7: %SMART_LIC-3-COMM_FAILED: Communications failure : Unable to resolve server hostname",
            "host": "core-1",
            "sourcetype": "cisco:ios",
            "index": "firewall",
        }
    )
    splunk = Splunk(app, events, START + 3600)
    splunk.models["Network_Traffic.All_Traffic"] = [
        {
            "_time": str(START + 3000),
            **{
                "All_Traffic.src": "10.0.0.1",
                "All_Traffic.dest": "72.163.4.38",
                "All_Traffic.action": "blocked",
            },
        }
    ]
    splunk.run("`tsid_contacts` | `tsid_ledger_merge`")
    splunk.collections["tsid_devices"]["2001:db8::7"] = {"_key": "2001:db8::7", "device": "2001:db8::7"}
    return splunk
