"""Every rule catches a copy of the app that breaks it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import appcheck

Break = Callable[[Path], object]

STUDIO = (
    '<dashboard version="2"><label>x</label><definition><![CDATA[{definition}]]></definition></dashboard>'
)


@pytest.fixture
def app(packaged_app: Path, tmp_path: Path) -> Path:
    """Return the app as it is packaged, to be broken; without the libraries, which are most of its files."""
    left_out = shutil.ignore_patterns("lib", "__pycache__")
    return Path(shutil.copytree(packaged_app, tmp_path / packaged_app.name, ignore=left_out))


def write(name: str, content: str, encoding: str = "utf-8") -> Break:
    """Return what makes a file, or one of other content."""

    def change(app: Path) -> None:
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_bytes(content.encode(encoding))

    return change


def append(name: str, content: str) -> Break:
    """Return what lengthens a text file, or makes it."""

    def change(app: Path) -> None:
        before = (app / name).read_text(encoding="utf-8") if (app / name).exists() else ""
        write(name, f"{before}\n{content}")(app)

    return change


def swap(name: str, old: str, new: str) -> Break:
    """Return what replaces a string everywhere in a text file that has it."""

    def change(app: Path) -> None:
        text = (app / name).read_text(encoding="utf-8")
        assert old in text, f"the test is stale: {name} has no {old!r}"
        write(name, text.replace(old, new))(app)

    return change


def saved_search(**settings: str) -> Break:
    """Return what adds a saved search; in names, two underscores are a dot."""
    lines = "".join(f"{key.replace('__', '.')} = {value}\n" for key, value in settings.items())
    return append("default/savedsearches.conf", f"[Broken]\n{lines}")


def studio(definition: object) -> Break:
    """Return what adds a Dashboard Studio view."""
    return write("default/data/ui/views/broken.xml", STUDIO.replace("{definition}", json.dumps(definition)))


COMMANDS, TRANSFORMS, MACROS = "default/commands.conf", "default/transforms.conf", "default/macros.conf"
NAV, SEARCHBNF, SEARCHES = (
    "default/data/ui/nav/default.xml",
    "default/searchbnf.conf",
    "default/savedsearches.conf",
)
BROKEN = f"{SEARCHES}: [Broken]"
FINE = """[broken]
chunked = true
filename = tsidenrich.py
python.version = python3
python.required = 3.9, 3.13
"""

BROKEN_COPIES: dict[str, tuple[Break, str]] = {
    "a hidden file": (write("lookups/.x.csv", "a,b\n1,2\n"), "lookups/.x.csv: its name starts with a dot"),
    "a local folder": (write("local/app.conf", ""), "local/app.conf: belongs to an installation"),
    "local rights": (write("metadata/local.meta", ""), "metadata/local.meta: belongs to an installation"),
    "compiled Python": (write("bin/x.pyc", ""), "bin/x.pyc: is not source code"),
    "a shared object": (write("bin/lib/x.so", ""), "bin/lib/x.so: is not source code"),
    "a link": (lambda app: (app / "README.txt").symlink_to("LICENSE"), "README.txt: is a link"),
    "an executable table": (lambda app: (app / "LICENSE").chmod(0o755), "LICENSE: is executable"),
    "text in Latin-1": (write("README.md", "ü", "latin-1"), "README.md: byte 0 is not UTF-8"),
    "a byte order mark": (write("README.md", "\ufeffx"), "README.md: starts with a byte order mark"),
    "Windows line ends": (write("README.md", "a\r\nb\r\n"), "README.md: has a carriage return"),
    "a bare address": (
        write("README.md", "Not 192.0.2.1/32.\n\nBut 192.0.2.1."),
        "README.md:3: 192.0.2.1 reads as a bare",
    ),
    "an address in a table": (
        write("lookups/x.csv", "a,b\n192.0.2.1,x\n"),
        "lookups/x.csv:2: 192.0.2.1 reads as a bare",
    ),
    "another launcher version": (
        swap("default/app.conf", "[launcher]", "[x]\n[launcher]\nversion = 9.9.9\n[y]"),
        "default/app.conf: [launcher] version '9.9.9' is not [id] version",
    ),
    "no semantic version": (
        swap("default/app.conf", "\nversion = ", "\nversion = v"),
        "is no semantic version",
    ),
    "another id": (
        swap("default/app.conf", "id = tsidenrich", "id = tsid"),
        "[package] id 'tsid' is not the app's folder",
    ),
    "another name": (
        swap("default/app.conf", "name = tsidenrich", "name = x"),
        "[id] name 'x' is not the app's folder",
    ),
    "updates": (
        swap("default/app.conf", "check_for_updates = false", "check_for_updates = true"),
        "has to be false",
    ),
    "no build": (swap("default/app.conf", "build = ", "build = b"), "[install] build has to be a number"),
    "no label": (swap("default/app.conf", "label = ", "label =\nx = "), "[ui] label is empty"),
    "a broken manifest": (swap("app.manifest", "{", "{,"), "app.manifest: is no JSON"),
    "a manifest that is a list": (write("app.manifest", "[]"), "app.manifest: is no JSON object"),
    "a manifest of another version": (
        swap("app.manifest", '"version": "', '"version": "9'),
        "info.id.version is '9",
    ),
    "a manifest of another app": (
        swap("app.manifest", '"name": "tsidenrich"', '"name": "x"'),
        "info.id.name is 'x'",
    ),
    "a manifest with another title": (
        swap("app.manifest", '"title": "', '"title": "x'),
        "app.manifest: info.title is",
    ),
    "a manifest of another author": (
        swap("app.manifest", "tsidenrich project", "x"),
        "app.manifest: info.author is",
    ),
    "no licence": (lambda app: (app / "LICENSE").unlink(), "app.manifest: info.license.text names LICENSE"),
    "a command without its Python": (
        swap(COMMANDS, "python.required", "#"),
        "python.required has to be '3.9, 3.13'",
    ),
    "a command of Python 2": (swap(COMMANDS, "python3", "python2"), "python.version has to be 'python3'"),
    "a command of the old protocol": (swap(COMMANDS, "chunked = true", ""), "chunked has to be true"),
    "an absent program": (
        append(COMMANDS, FINE.replace("tsidenrich.py", "x.py")),
        "filename 'x.py' is not in bin/",
    ),
    "a setting without effect": (
        append(COMMANDS, f"{FINE}streaming = true"),
        "[broken] streaming is ignored",
    ),
    "a command without help": (append(COMMANDS, FINE), f"{SEARCHBNF}: has no [broken-command]"),
    "help without a command": (append(SEARCHBNF, "[broken-command]"), "[broken-command] is of no command"),
    "empty help": (append(SEARCHBNF, "[broken-command]"), "[broken-command] syntax is empty"),
    "help with an absent option": (append(SEARCHBNF, "[x-y]\nsyntax = <x-z>"), "[x-y] speaks of <x-z>"),
    "an empty table": (write("lookups/x.csv", "a,b\n"), "lookups/x.csv: has no rows"),
    "a table of zero bytes": (write("lookups/x.csv", ""), "lookups/x.csv: has no rows"),
    "a ragged table": (
        write("lookups/x.csv", "a,b\n1,2\n3\n"),
        "lookups/x.csv: row 3 has 1 fields, the header 2",
    ),
    "a table of one column": (write("lookups/x.csv", "a\n1\n"), "lookups/x.csv: needs two columns at least"),
    "a column twice": (write("lookups/x.csv", "a,a\n1,2\n"), "lookups/x.csv: its columns are not distinct"),
    "a column without a name": (
        write("lookups/x.csv", "a,\n1,2\n"),
        "lookups/x.csv: its columns are not distinct",
    ),
    "a long header": (
        write("lookups/x.csv", f"a,{'b' * 4095}\n1,2\n"),
        "lookups/x.csv: its header is longer than 4096",
    ),
    "a table with a byte order mark": (
        write("lookups/x.csv", "\ufeffa,b\n1,2\n"),
        "lookups/x.csv: starts with a byte",
    ),
    "a table of another kind": (write("lookups/x.json", "{}"), "lookups/x.json: is no CSV file"),
    "a table without a lookup": (write("lookups/x.csv", "a,b\n1,2\n"), "lookups/x.csv: has no stanza"),
    "a lookup without a table": (
        append(TRANSFORMS, "[x]\nfilename = x.csv"),
        "[x] filename 'x.csv' is not in lookups/",
    ),
    "a lookup without a collection": (
        append(TRANSFORMS, "[x]\ncollection = x"),
        "[x] collection 'x' is not in",
    ),
    "a lookup by an absent column": (
        lambda app: (
            write("lookups/x.csv", "a,b\n1,2\n")(app),
            append(TRANSFORMS, "[x]\nfilename = x.csv\nmatch_type = CIDR(c)")(app),
        ),
        "match_type names the column 'c', which x.csv lacks",
    ),
    "a CIDR table out of order": (
        lambda app: (
            write("lookups/x.csv", "a,b\n192.0.2.0/24,1\n2001:db8::/32,2\n192.0.2.0/25,3\n")(app),
            append(TRANSFORMS, "[x]\nfilename = x.csv\nmatch_type = CIDR(a)")(app),
        ),
        "lookups/x.csv: row 4: 192.0.2.0/25 stands behind a shorter prefix",
    ),
    "a CIDR table with host bits": (
        lambda app: (
            write("lookups/x.csv", "a,b\n192.0.2.1/24,1\n")(app),
            append(TRANSFORMS, "[x]\nfilename = x.csv\nmatch_type = CIDR(a)")(app),
        ),
        "lookups/x.csv: row 2: 192.0.2.1/24 has host bits set",
    ),
    "a menu entry without a view": (swap(NAV, "</nav>", '<view name="x"/></nav>'), "leads to the view 'x'"),
    "a menu entry without a search": (
        swap(NAV, "</nav>", '<saved name="x"/></nav>'),
        "leads to the search 'x'",
    ),
    "two home views": (
        swap(NAV, "</nav>", '<view name="search" default="true"/></nav>'),
        "needs one view with default",
    ),
    "a broken menu": (swap(NAV, "</nav>", ""), f"{NAV}: is no XML"),
    "no menu": (lambda app: (app / NAV).unlink(), f"{NAV}: is no XML: [Errno 2]"),
    "a broken view": (write("default/data/ui/views/x.xml", "<dashboard"), "views/x.xml: is no XML"),
    "a view without a version": (write("default/data/ui/views/x.xml", "<dashboard/>"), "with a version"),
    "a view whose definition is no JSON": (
        write("default/data/ui/views/x.xml", STUDIO.replace("{definition}", "{,}")),
        "views/x.xml: its definition is no JSON",
    ),
    "a view with a broken search": (
        studio({"dataSources": {"a": {"options": {"query": "| stats count |"}}}}),
        "views/broken.xml: there is no command after a pipe",
    ),
    "an undefined macro": (saved_search(search="`undefined(1)` | head"), "calls the macro `undefined(1)`"),
    "an undefined macro in a macro": (
        append(MACROS, "[x]\ndefinition = `undefined`"),
        "[x]: calls the macro `undefined`",
    ),
    "an undefined macro in an example": (
        append(SEARCHBNF, "[x]\nexample1 = `undefined`"),
        "example1: calls the macro",
    ),
    "an absent lookup": (saved_search(search="| inputlookup absent"), "reads the lookup absent"),
    "an open bracket": (saved_search(search="| eval x=(1"), f"{BROKEN}: a ( is left open"),
    "a macro without a description": (append(MACROS, "[x]\ndefinition = 1"), "[x] has no description"),
    "a macro without a definition": (append(MACROS, "[x]\ndescription = 1"), "[x] has no definition"),
    "a macro with too few arguments": (append(MACROS, "[x(2)]\nargs = a"), "[x(2)] has 1 arguments in args"),
    "a macro with half a validation": (
        append(MACROS, "[x]\nerrormsg = a"),
        "[x] needs both validation and errormsg",
    ),
    "a search without a search": (saved_search(description="x"), f"{BROKEN} has no search"),
    "a search that runs every minute": (saved_search(cron_schedule="* * * * *"), "or runs every minute"),
    "a broken schedule": (saved_search(cron_schedule="5 * * *"), "has not five fields"),
    "an unknown action": (
        saved_search(action__risk__param__score="1"),
        "action.risk.param.score is no setting",
    ),
    "an action that is no JSON": (
        saved_search(action__risk__param___risk="["),
        "action.risk.param._risk is no JSON",
    ),
    "Enterprise Security taken for granted": (saved_search(action__notable="1"), "has to be disabled = 1"),
    "risk and notable": (
        saved_search(action__notable="1", action__risk="1"),
        "Enterprise Security 8 allows one",
    ),
    "a setting twice": (append(TRANSFORMS, "[x]\na = 1\na = 2"), "a occurs twice in its stanza"),
    "rights for all": (swap("metadata/default.meta", ", sc_admin", ""), "[] access has to be"),
    "no rights": (
        lambda app: (app / "metadata/default.meta").unlink(),
        "metadata/default.meta: cannot be read",
    ),
}


@pytest.mark.parametrize(("break_it", "problem"), BROKEN_COPIES.values(), ids=BROKEN_COPIES)
def test_is_caught(app: Path, break_it: Break, problem: str) -> None:
    break_it(app)
    found = appcheck.check(app)
    assert any(problem in one for one in found), found


def test_a_comment_in_python_may_cite_a_section(app: Path) -> None:
    write("bin/cited.py", "    # RFC 4291, section 2.5.5.2\n")(app)
    assert appcheck.check(app) == []


def test_an_app_without_anything_is_caught_without_a_crash(tmp_path: Path) -> None:
    assert appcheck.check(tmp_path)
