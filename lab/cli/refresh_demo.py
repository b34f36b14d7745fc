"""Shows the refresh without Cisco's servers: ``make refresh-demo``.

A copy of the app has forgotten one name and one address of Cisco's. A small internet on loopback, with a
real DNS server and real TLS servers, has both; the refresh finds them, and the command knows better at once.
The demo fails if the command's answers differ.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import trustme

from lab import ROOT
from lab.errors import LabError
from lab.host.app import copy_app
from lab.host.host import CommandHost
from lab.internet.cisco import TOOLS, Site, addresses_in, internet, records_of, servers_of
from lab.internet.servers import write_authority
from tsid.facts.lookups import load_lookups
from tsid.refresh.publish import as_csv
from tsid.refresh.rows import counted

_ALIAS, _HOST = TOOLS[:2]
_SCRIPT = "bin/refresh_lookups.py"
Row = dict[str, str]


def main() -> int:
    """Run the demo; return 0 if the command gave the expected answers."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _show(Path(folder))
    except LabError as error:
        print(f"refresh-demo: {error}", file=sys.stderr)
        return 1


def _show(folder: Path) -> int:
    app = copy_app(ROOT, folder / "app")
    addresses = addresses_in(load_lookups(app / "lookups"))
    known, moved = [address for address in addresses[_HOST] if ":" not in address][:2]
    _remove_rows(
        app / "lookups" / "cisco_licensing_endpoints.csv", lambda row: row["network"] == f"{moved}/32"
    )
    _remove_rows(app / "lookups" / "tsid_aliases.csv", lambda row: row["alias"] == _ALIAS)
    authority = trustme.CA()
    bundle = write_authority(authority, folder / "authority.pem")
    print(f"This app knows neither the name {_ALIAS} nor the address {moved}. A firewall reports:\n")
    before = _verdict(app, known)
    with internet(folder / "dns", records_of(addresses), servers_of(addresses, authority)) as site:
        print("\nThe refresh asks DNS, and looks at the servers' certificates as TSID does:\n")
        print(_refresh(app, site, bundle))
        print("\nNow it writes:\n")
        print(_refresh(app, site, bundle, "--write").splitlines()[-1])
    print("\nThe same event again:\n")
    after = _verdict(app, known)
    if (before, after) != ("foreign", "aliased"):
        print(f"refresh-demo: the verdict was {before} and is {after}", file=sys.stderr)
        return 1
    print(f"\nThe command recognizes the name now: {before} has become {after}.")
    return 0


def _remove_rows(path: Path, unwanted: Callable[[Row], bool]) -> None:
    """Take rows out of a lookup, which states its number of rows."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns, rows = list(reader.fieldnames or ()), [row for row in reader if not unwanted(row)]
    path.write_bytes(as_csv(columns, list(counted(columns, rows))))


def _verdict(app: Path, address: str) -> str:
    """Show the search command's answer for a blocked connection, and return its verdict."""
    event = {"dest_ip": address, "url": f"https://{_ALIAS}", "action": "blocked"}
    (record,) = CommandHost(app, "tsidenrich").run([event]).raise_for_error().events
    for name in ("dest_ip", "url", "tsid_verdict", "tsid_host", "tsid_reason"):
        print(f"  {name:14}{record.get(name, '')}")
    return str(record.get("tsid_verdict", ""))


def _refresh(app: Path, site: Site, bundle: Path, *mode: str) -> str:
    """Run the script, show its command line, and return its output."""
    given = ["--resolver", site.resolver, "--proxy", site.proxy, "--ca-bundle", str(bundle)]
    command = [sys.executable, str(app / _SCRIPT), *mode, *given]
    print("  $ python", " ".join([_SCRIPT, *mode]), "\n", flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise LabError(f"the refresh ended with status {done.returncode}: {done.stderr}")
    return done.stdout.rstrip()


if __name__ == "__main__":
    sys.exit(main())
