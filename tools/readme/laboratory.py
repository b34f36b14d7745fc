"""Runs README's searches in the laboratory, and holds a command's syntax against the search bar's help."""

from __future__ import annotations

import tempfile
from pathlib import Path

import trustme

from lab.errors import LabError
from lab.host.app import copy_app
from lab.internet.cisco import addresses_in, internet, records_of, servers_of
from lab.internet.servers import write_authority
from tests.app.examples import splunk_for_examples
from tools.common import ROOT, ToolError
from tsid.facts.lookups import load_lookups
from tsid.text import conf


def run_search(search: str) -> int:
    """Run a search over made-up events and return how many rows it found.

    Raises:
        ToolError: it failed, or found nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        app = copy_app(ROOT, Path(folder) / "app")
        try:
            rows = _with_servers(app, search) if "tsidrefresh" in search else _run(app, search)
        except LabError as error:
            raise ToolError(str(error)) from error
    if rows == 0:
        raise ToolError("it found nothing")
    return rows


def _run(app: Path, search: str) -> int:
    return len(splunk_for_examples(app).run(search))


def _with_servers(app: Path, search: str) -> int:
    """Run it with DNS and the licensing servers on loopback."""
    addresses, authority = addresses_in(load_lookups(app / "lookups")), trustme.CA()
    bundle = write_authority(authority, app.parent / "authority.pem")
    with internet(app.parent / "dns", records_of(addresses), servers_of(addresses, authority)) as site:
        (app / "local").mkdir()
        (app / "local" / "tsidrefresh.conf").write_text(
            f"[refresh]\nresolvers = {site.resolver}\nproxy = {site.proxy}\nca_bundle = {bundle}\n",
            encoding="utf-8",
        )
        return _run(app, search)


def compare_syntax(syntax: str) -> None:
    """Hold the syntax of a command against the search bar's help.

    Raises:
        ToolError: they differ.
    """
    command = syntax.split(maxsplit=1)[0]
    helps = conf.read(ROOT / "default" / "searchbnf.conf")
    told = helps.get(f"{command}-command", {}).get("syntax", "")
    for name, option in helps.items():
        told = told.replace(f"<{name}>", option.get("syntax", ""))
    if " ".join(told.split()) != syntax:
        raise ToolError(f"default/searchbnf.conf says: {told}")
