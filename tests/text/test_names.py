"""Hosts in every form in which a firewall may report them."""

from __future__ import annotations

import stringprep
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsid.text.names import MAX_HOST_LENGTH, ascii_host, is_placeholder, parse_name, replace_host
from tsid.text.sanitize import INVISIBLE


@pytest.mark.parametrize(
    ("text", "host", "rewritten"),
    [
        ("tools.cisco.com", "tools.cisco.com", "NEW"),
        ("https://tools.cisco.com", "tools.cisco.com", "https://NEW"),
        (
            "https://tools.cisco.com/its/service/oddce?a=b#c",
            "tools.cisco.com",
            "https://NEW/its/service/oddce?a=b#c",
        ),
        ("HTTPS://Tools.Cisco.COM/Path", "tools.cisco.com", "HTTPS://NEW/Path"),
        ("tools.cisco.com:443", "tools.cisco.com", "NEW:443"),
        ("https://tools.cisco.com:8443/x", "tools.cisco.com", "https://NEW:8443/x"),
        ("https://tools.cisco.com:/x", "tools.cisco.com", "https://NEW:/x"),
        ("//tools.cisco.com/x", "tools.cisco.com", "//NEW/x"),
        ("tools.cisco.com/its", "tools.cisco.com", "NEW/its"),
        ("tools.cisco.com?x=1", "tools.cisco.com", "NEW?x=1"),
        ("tools.cisco.com.", "tools.cisco.com", "NEW"),
        ("https://tools.cisco.com.:443/", "tools.cisco.com", "https://NEW:443/"),
        ("https://user:secret@tools.cisco.com/", "tools.cisco.com", "https://user:secret@NEW/"),
        ('https://a"b,c@tools.cisco.com/', "tools.cisco.com", 'https://a"b,c@NEW/'),
        ("https://a@b@tools.cisco.com/", "tools.cisco.com", "https://a@b@NEW/"),
        ("https://evil.example\\@tools.cisco.com/", "evil.example", "https://NEW\\@tools.cisco.com/"),
        ("https://evil.example/@tools.cisco.com", "evil.example", "https://NEW/@tools.cisco.com"),
        ("https://evil.example?@tools.cisco.com", "evil.example", "https://NEW?@tools.cisco.com"),
        ("https://10.0.0.1%2eevil.example/", "10.0.0.1.evil.example", "https://NEW/"),
        ("https://tools%2Ecisco%2ecom/x", "tools.cisco.com", "https://NEW/x"),
        ("https://ｔools.cisco.com/", "tools.cisco.com", "https://NEW/"),
        ("https://tools。cisco。com/", "tools.cisco.com", "https://NEW/"),
        ("https://bücher.example/", "xn--bcher-kva.example", "https://NEW/"),
        ("  https://tools.cisco.com/  ", "tools.cisco.com", "  https://NEW/  "),
        ("\thttps://tools.cisco.com\n", "tools.cisco.com", "\thttps://NEW\n"),
        # As browsers read them.
        ("https://tools.cisco.com。", "tools.cisco.com", "https://NEW"),
        ("https://tools.cisco.com｡/x", "tools.cisco.com", "https://NEW/x"),
        ("tools．cisco．com．", "tools.cisco.com", "NEW"),
        ("https:\\\\tools.cisco.com\\x", "tools.cisco.com", "https:\\\\NEW\\x"),
        ("https:/\\tools.cisco.com/x", "tools.cisco.com", "https:/\\NEW/x"),
        ("HTTP:/tools.cisco.com", "tools.cisco.com", "HTTP:/NEW"),
        ("https:///tools.cisco.com", "tools.cisco.com", "https:///NEW"),
        ("wss:\\\\a@tools.cisco.com", "tools.cisco.com", "wss:\\\\a@NEW"),
        ("https:tools.cisco.com", "tools.cisco.com", "https:NEW"),
        ("\\\\tools.cisco.com\\x", "tools.cisco.com", "\\\\NEW\\x"),
        ("/\\tools.cisco.com", "tools.cisco.com", "/\\NEW"),
        ("///tools.cisco.com", "tools.cisco.com", "///NEW"),
        # Other schemes have no authority without two slashes.
        ("ldaps:\\\\tools.cisco.com", "ldaps", "NEW:\\\\tools.cisco.com"),
        ("ldaps://tools.cisco.com", "tools.cisco.com", "ldaps://NEW"),
        ("*.cisco.com", "*.cisco.com", "NEW"),
        ("_dmarc.example.com", "_dmarc.example.com", "NEW"),
        ("localhost", "localhost", "NEW"),
    ],
)
def test_only_the_host_of_a_url_is_found_and_replaced(text: str, host: str, rewritten: str) -> None:
    name = parse_name(text)
    assert name is not None
    assert name.host == host
    assert replace_host(text, name, "NEW") == rewritten


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("https://10.0.0.1/x", "10.0.0.1"),
        ("10.0.0.1:8000", "10.0.0.1"),
        ("https://[2001:DB8::1]:443/", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("https://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1"),
        ("https://10.0.0.1./", "10.0.0.1"),
        ("10.0.0.1.:8000", "10.0.0.1"),
        ("https://10%2E0.0.1/", "10.0.0.1"),
        ("https://１0。0.0.1/", "10.0.0.1"),
        ("https://[fe80::1%25eth0]/", "fe80::1%25eth0"),
    ],
)
def test_an_address_is_not_a_name(text: str, observed: str) -> None:
    name = parse_name(text)
    assert name is not None
    assert (name.is_address, name.host, name.observed) == (True, "", observed)


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("https://Cisco Systems, Inc.", "cisco systems, inc"),
        ("https://tools.cisco.com evil", "tools.cisco.com evil"),
        ("tools.cisco.com%00.evil.example", "tools.cisco.com .evil.example"),
        ("https://tools.cisco.com%2F.evil.example/", "tools.cisco.com/.evil.example"),
        ("https://tools.cisco.com%20/", "tools.cisco.com"),
        ("tools..cisco.com", "tools..cisco.com"),
        ("tools.cisco.com..", "tools.cisco.com."),
        (".tools.cisco.com", ".tools.cisco.com"),
        ("-tools.cisco.com", "'-tools.cisco.com"),
        ("someone@tools.cisco.com", "someone@tools.cisco.com"),
        ("https://[2001:db8::1/", "[2001:db8:"),
        ("%%%", "%%%"),
        ("\udcff\udcfe", "\udcff\udcfe"),
        ("x" * 300, "x" * MAX_HOST_LENGTH),
        ("https://" + ".".join(["abc"] * 80), ".".join(["abc"] * 80)[:MAX_HOST_LENGTH]),
        ("https://a.b\nc.d/", "a.b c.d"),
    ],
)
def test_text_that_is_not_a_host_name_is_kept_but_equals_no_host(text: str, observed: str) -> None:
    name = parse_name(text)
    assert name is not None
    assert (name.host, name.is_address, name.observed) == ("", False, observed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "N/A",
        "unknown",
        "Unknown",
        "none",
        "NULL",
        "https://",
        "/path",
        "?q",
        "https://-/",
        "unknown.",
        "https://unk\u00adnown/",
    ],
)
def test_placeholders_and_empty_urls_contain_no_name(text: str) -> None:
    assert parse_name(text) is None


def test_a_name_that_contains_a_placeholder_is_a_name() -> None:
    assert is_placeholder(" N/A ")
    assert not is_placeholder("unknown.example.com")


_LONGEST = ".".join(["a" * 62] * 4) + ".b"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (_LONGEST, _LONGEST),
        (f"{_LONGEST}.", _LONGEST),
        (f"{_LONGEST}b", ""),
        # Short as it is written, too long in ASCII.
        (".".join(["bücher"] * 30), ""),
        (".".join(["a" * 63] * 2), ".".join(["a" * 63] * 2)),
        ("a" * 64, ""),
        ("ü" * 63, ""),
    ],
    ids=[
        "the longest",
        "with a final dot",
        "one more",
        "IDNA",
        "the longest label",
        "one more",
        "IDNA label",
    ],
)
def test_a_host_has_at_most_253_characters(text: str, host: str) -> None:
    assert len(_LONGEST) == MAX_HOST_LENGTH
    assert ascii_host(text) == host


def test_long_names_are_not_remembered() -> None:
    size = 100_000
    tracemalloc.start()
    try:
        for number in range(50):
            parse_name(f"https://{number:0{size}}.example")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < size


_LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?", fullmatch=True)
_HOSTS = (
    st.lists(_LABEL, min_size=2, max_size=5)
    .map(".".join)
    .filter(lambda host: not host.replace(".", "").isdigit())
)


@given(
    scheme=st.sampled_from(["", "https://", "HTTP://", "//"]),
    userinfo=st.sampled_from(["", "user@", "user:p@ss@"]),
    host=_HOSTS,
    dot=st.sampled_from(["", "."]),
    port=st.sampled_from(["", ":443", ":"]),
    rest=st.sampled_from(["", "/", "/a/b?c=d@e#f", "?x=https://other.example/", "#frag"]),
)
def test_replacing_the_host_keeps_all_other_parts_of_a_url(
    scheme: str, userinfo: str, host: str, dot: str, port: str, rest: str
) -> None:
    userinfo = userinfo if scheme else ""
    text = scheme + userinfo + host + dot + port + rest
    name = parse_name(text)
    assert name is not None
    assert name.host == host.lower() == name.observed
    assert replace_host(text, name, "tools.cisco.com") == scheme + userinfo + "tools.cisco.com" + port + rest


@given(st.text())
def test_any_text_is_read_without_error_and_again_with_the_same_result(text: str) -> None:
    name = parse_name(text)
    if name is None:
        return
    assert 0 <= name.start <= name.end <= len(text)
    assert len(name.observed) <= MAX_HOST_LENGTH
    if name.host:
        # What was understood as a host is understood as the same host wherever it stands.
        assert ascii_host(name.host) == name.host
        again = parse_name(replace_host(text, name, name.host))
        assert again is not None
        assert again.host == name.host


def test_every_character_that_idna_drops_is_invisible() -> None:
    dropped = list(filter(stringprep.in_table_b1, map(chr, range(sys.maxunicode + 1))))
    assert len(dropped) > 20
    assert [character for character in dropped if not INVISIBLE.match(character)] == []


@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad", "\u1806", "\ufe0f", "\ufeff", "%E2%80%8B", "%C2%AD"])
@pytest.mark.parametrize(
    "form", ["{}tools.cisco.com", "to{}ols.cisco.com", "tools.cisco.com{}", "https://{}tools.cisco.com/x"]
)
def test_a_character_that_idna_drops_makes_a_different_name(form: str, unseen: str) -> None:
    name = parse_name(form.format(unseen))
    assert name is not None
    assert (name.host, name.key == "tools.cisco.com") == ("", False)
    assert name.observed == form.removeprefix("https://").removesuffix("/x").format("?")


@pytest.mark.parametrize(
    "text", ["fe80%3A%3Aa", "https://%5Bfe80::a%5D/", "[fe80::a]", "https://[FE80::A]:443/"]
)
def test_an_address_is_recognised_in_every_spelling(text: str) -> None:
    name = parse_name(text)
    assert name is not None
    assert (name.observed, name.host, name.is_address) == ("fe80::a", "", True)
