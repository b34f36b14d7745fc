"""The refresh's settings, as people write them: what each text means, and which are refused without telling a secret."""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tsid.refresh.settings import Proxy, Resolver, SettingsError, load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return a folder with the shipped settings."""
    (tmp_path / "default").mkdir()
    shutil.copy(ROOT / "default" / "tsidrefresh.conf", tmp_path / "default")
    return tmp_path


def local(app: Path, content: bytes) -> None:
    (app / "local").mkdir()
    (app / "local" / "tsidrefresh.conf").write_bytes(content)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("1", True), ("true", True), ("YES", True), ("0", False), ("False", False), (" no ", False)],
)
def test_a_switch_takes_true_and_false_in_splunks_spellings(app: Path, text: str, meaning: bool) -> None:
    assert load_settings(app, {"tls": text}).tls is meaning


@pytest.mark.parametrize("text", ["", "2", "on", "truefalse", "yes no"])
def test_any_other_text_of_a_switch_is_refused(app: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"^command line: tls = .*cannot be used\. Use true or false\.$"):
        load_settings(app, {"tls": text})


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("tls_port", 1, 65535),
        ("timeout", 1, 300),
        ("attempts", 1, 10),
        ("misses", 1, 1000),
        ("grace_days", 0, 3650),
        ("seen_days", 0, 3650),
    ],
)
def test_a_number_outside_its_bounds_is_refused(app: Path, name: str, least: int, most: int) -> None:
    for number in (least, most):
        assert getattr(load_settings(app, {name: str(number)}), name) == number
    for text in (str(least - 1), str(most + 1), "", "1.5", "many"):
        with pytest.raises(SettingsError, match=f"{name} = {text} cannot be used. Give a whole number"):
            load_settings(app, {name: text})


def test_a_resolver_is_the_systems_or_an_ip_address_with_or_without_a_port(app: Path) -> None:
    texts = "system, 192.0.2.1, 192.0.2.1:5353, 2001:db8::1, [2001:db8::1], [2001:db8::1]:5353, SYSTEM"
    found = load_settings(app, {"resolvers": texts}).resolvers
    assert found == [
        Resolver("system", None, 53),
        Resolver("192.0.2.1", "192.0.2.1", 53),
        Resolver("192.0.2.1:5353", "192.0.2.1", 5353),
        Resolver("2001:db8::1", "2001:db8::1", 53),
        Resolver("[2001:db8::1]", "2001:db8::1", 53),
        Resolver("[2001:db8::1]:5353", "2001:db8::1", 5353),
    ]


@pytest.mark.parametrize(
    "text",
    ["dns.example.com", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:dns", "[2001:db8::1]:x"],
)
def test_a_resolver_that_is_not_an_ip_address_is_refused(app: Path, text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"'.+' is neither system nor an IP address, which may have a port"
    ):
        load_settings(app, {"resolvers": f"system, {text}"})


def test_members_are_pairs_of_host_names_in_any_letter_case(app: Path) -> None:
    given = " Tools-A.cisco.com : tools.cisco.com,, b.cisco.com:SWAPI.cisco.com , "
    assert load_settings(app, {"members": given}).members == {
        "tools-a.cisco.com": "tools.cisco.com",
        "b.cisco.com": "swapi.cisco.com",
    }
    assert load_settings(app, {"members": ""}).members == {}


@pytest.mark.parametrize(
    "text", ["a.cisco.com", "a.cisco.com:", ":a.cisco.com", ":", "a.cisco.com:b:c", "a b:c"]
)
def test_a_member_without_a_valid_host_is_refused(app: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="member:host, both DNS names"):
        load_settings(app, {"members": text})


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("", None),
        ("None", None),
        ("proxy.corp.example:8080", Proxy("proxy.corp.example", 8080, {})),
        ("http://proxy.corp.example:8080", Proxy("proxy.corp.example", 8080, {})),
        ("http://proxy.corp.example/", Proxy("proxy.corp.example", 80, {})),
        ("[2001:db8::1]:3128", Proxy("2001:db8::1", 3128, {})),
    ],
)
def test_a_proxy_is_a_host_and_a_port_or_none(app: Path, text: str, proxy: Proxy | None) -> None:
    assert load_settings(app, {"proxy": text}).proxy == proxy


@pytest.mark.parametrize(
    "text",
    [
        "https://me:secret@proxy",
        "socks://me:secret@proxy",
        "http://me:secret@proxy:port",
        "http://me:secret@",
        "//",
    ]
    + ["http://me:secret@proxy:3128", "me:secret@proxy"],
)
def test_an_invalid_proxy_of_the_environment_is_refused_by_the_variables_name(
    app: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text.replace("http://me:secret@proxy:3128", "http://me:secret@pro xy").replace(
        "me:secret@proxy", "://"
    )
    monkeypatch.setenv("https_proxy", text)
    cure = r"^environment variable HTTPS_PROXY: proxy cannot be used\. Write it as http://host:port\.$"
    with pytest.raises(SettingsError, match=cure):
        load_settings(app, {"proxy": "system"})


@pytest.mark.parametrize(
    "text",
    [
        "https://me:secret@proxy",
        "http://me:secret@proxy:port",
        "http://me:secret@pro xy",
        "http://me:secret@proxy\n",
    ]
    + ["http://me:secret@proxy:3128", "me:secret@proxy"],
)
def test_an_invalid_proxy_is_refused_and_the_message_contains_no_secret(app: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"^command line: proxy cannot be used\. ") as caught:
        load_settings(app, {"proxy": text})
    assert "secret" not in str(caught.value).replace("secrets do not belong in files", "")


@pytest.mark.parametrize(
    ("variable", "proxy", "user"),
    [
        ("", None, ""),
        ("http://proxy.corp.example", Proxy("proxy.corp.example", 80, {}), ""),
        ("http://proxy.corp.example:3128", Proxy("proxy.corp.example", 3128, {}), ""),
        ("http://me@proxy.corp.example", Proxy("proxy.corp.example", 80, {}), "me:"),
        ("http://m%40e:p%C3%BC:x@proxy.corp.example:1", Proxy("proxy.corp.example", 1, {}), "m@e:pü:x"),
    ],
)
def test_the_systems_proxy_comes_from_the_environment_with_its_credentials(
    app: Path, monkeypatch: pytest.MonkeyPatch, variable: str, proxy: Proxy | None, user: str
) -> None:
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", variable)
    found = load_settings(app, {"proxy": "System"}).proxy
    if proxy is not None and user:
        token = base64.b64encode(user.encode("utf-8")).decode("ascii")
        proxy = proxy._replace(headers={"Proxy-Authorization": f"Basic {token}"})
    assert found == proxy


def test_without_a_proxy_in_the_environment_the_systems_proxy_is_none(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert load_settings(app, {"proxy": "system"}).proxy is None


def test_a_relative_ca_bundle_starts_at_the_apps_folder(app: Path) -> None:
    (app / "ours.pem").touch()
    assert load_settings(app, {"ca_bundle": "ours.pem"}).ca_bundle == app / "ours.pem"
    assert load_settings(app, {"ca_bundle": str(app / "ours.pem")}).ca_bundle == app / "ours.pem"
    assert load_settings(app, {"ca_bundle": ""}).ca_bundle is None
    with pytest.raises(SettingsError, match="ca_bundle = default cannot be used"):
        load_settings(app, {"ca_bundle": "default"})


def test_the_command_line_overrides_the_local_file_and_that_the_shipped_one(app: Path) -> None:
    local(app, b"\xef\xbb\xbf# ours\n[refresh]\nmisses = 9\r\n")
    assert load_settings(app, {}).misses == 9
    assert load_settings(app, {"misses": "8"}).misses == 8


def test_a_percent_sign_and_a_colon_have_no_special_meaning(app: Path) -> None:
    """As Splunk reads them; Python's own way would take them for more."""
    (app / "100%(tls)s.pem").touch()
    local(app, b"[refresh]\nca_bundle = 100%(tls)s.pem\nmembers = a:b\n")
    found = load_settings(app, {})
    assert found.ca_bundle == app / "100%(tls)s.pem"
    assert found.members == {"a": "b"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[refresh]\nmisses = \xff\n", "byte 0xff is not valid UTF-8. Save the file as UTF-8."),
        (
            b"[refresh]\nmisses = 1\nmisses = 2\n",
            "misses occurs twice in its stanza. Correct it, or restore the file.",
        ),
        (
            b"[refresh]\nmisses: 1\n",
            "'misses: 1' is neither a stanza nor a setting. Correct it, or restore the file.",
        ),
        (
            b"[refresh]\nresolvers = 192.0.2.1,\n  192.0.2.2\n",
            "'192.0.2.2' is neither a stanza nor a setting",
        ),
        (
            b"misses = 1\n[refresh]\n",
            r"cannot be read: .* outside the stanza. Move them below the line \[refresh\].",
        ),
        (b"[default]\nmisses = 1\n", r"cannot be read: .* outside the stanza"),
        (b"[refresh]\n; misses = 1\n", "unknown setting ; misses"),
        (b"[refresh]\nmiss = 1\n", "unknown setting miss. The settings are resolvers, members, tls, "),
        (b"[else]\nmisses = 1\n", r"unknown stanza \[else\]. The only one is \[refresh\]."),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_a_cure(app: Path, content: bytes, words: str) -> None:
    local(app, content)
    with pytest.raises(SettingsError, match=rf"^local/tsidrefresh.conf(:\d+)?:? .*{words}"):
        load_settings(app, {})


def test_a_missing_setting_is_named_with_its_cure(app: Path) -> None:
    path = app / "default" / "tsidrefresh.conf"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("\nmisses", "\n# misses"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"default/tsidrefresh.conf: no setting misses. Restore the file"):
        load_settings(app, {})
    path.unlink()
    with pytest.raises(SettingsError, match="no setting resolvers"):
        load_settings(app, {})


def test_a_value_of_several_lines_continues_after_a_backslash(app: Path) -> None:
    local(app, b"[refresh]\r\nresolvers = 192.0.2.1, \\\r\n    192.0.2.2\r\n")
    assert [found.name for found in load_settings(app, {}).resolvers] == ["192.0.2.1", "192.0.2.2"]


def test_certifi_stands_for_the_authorities_of_that_package(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "certifi", None)
    with pytest.raises(
        SettingsError, match=r"ca_bundle = certifi cannot be used\. This Python does not have"
    ):
        load_settings(app, {"ca_bundle": "certifi"})
    package = ModuleType("certifi")
    monkeypatch.setattr(package, "where", lambda: str(tmp_path / "cacert.pem"), raising=False)
    monkeypatch.setitem(sys.modules, "certifi", package)
    assert load_settings(app, {"ca_bundle": "certifi"}).ca_bundle == tmp_path / "cacert.pem"
