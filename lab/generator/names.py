"""Writes servers' names in the many forms of firewall logs."""

from __future__ import annotations

from typing import NamedTuple

from lab.generator.dice import Dice


class Spelling(NamedTuple):
    """A name as a field contains it: the host, and the text around it."""

    before: str
    host: str
    after: str

    @property
    def text(self) -> str:
        """The whole value of the field."""
        return self.before + self.host + self.after

    @property
    def observed(self) -> str:
        """The host as the command returns it: lower case, without its final dot."""
        host = self.host.lower()
        return host[:-1] if host.endswith(".") else host

    def with_host(self, host: str) -> str:
        """The value with another host; the text around the host is unchanged."""
        return self.before + host + self.after


_UNCHANGED, _UPPER, _TITLE, _DOTTED = range(4)

# The text before the host, the spelling of the host, the text after it.
_USUAL_URL = ("https://", _UNCHANGED, "")
_OTHER_URLS = (
    ("https://", _UNCHANGED, "/"),
    ("https://", _UNCHANGED, ":443/its/service/oddce/services/DDCEService"),
    ("https://", _UNCHANGED, "/licservice/license?id=7&next=https://www.example.com/"),
    ("HTTPS://", _UPPER, "/its/service/oddce/services/DDCEService"),
    ("https://", _TITLE, ""),
    ("https://", _DOTTED, "/Some/Path"),
    ("https://someone@", _UNCHANGED, "/"),
    ("//", _UNCHANGED, "/"),
    ("", _UNCHANGED, ""),
    ("", _UPPER, ":443"),
    ("", _UNCHANGED, "/its/service/oddce/services/DDCEService?x=toos.cisco.com"),
)
_USUAL_HOST = ("", _UNCHANGED, "")
_OTHER_HOSTS = (("", _UPPER, ""), ("", _TITLE, ""), ("", _DOTTED, ""), ("", _UNCHANGED, ":443"))
_USUAL = 0.5


def url_of(host: str, dice: Dice) -> Spelling:
    """The host in a URL; half of the URLs are the plain ``https://host``."""
    return _spell(host, _USUAL_URL if dice.chance(_USUAL) else dice.pick(_OTHER_URLS))


def bare(host: str, dice: Dice) -> Spelling:
    """The host as server name or Host header: without a scheme."""
    return _spell(host, _USUAL_HOST if dice.chance(_USUAL) else dice.pick(_OTHER_HOSTS))


def url_of_address(address: str, dice: Dice) -> Spelling:
    """An address instead of the host: the URL of an unnamed server."""
    opened, closed = ("[", "]") if ":" in address else ("", "")
    return Spelling(f"https://{opened}", address, closed + dice.pick(("", "/", ":443/")))


def _spell(host: str, form: tuple[str, int, str]) -> Spelling:
    before, style, after = form
    if style == _UPPER:
        host = host.upper()
    elif style == _TITLE:
        host = host.title()
    elif style == _DOTTED:
        host += "."
    return Spelling(before, host, after)
