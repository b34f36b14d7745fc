"""The settings of the refresh: the app's ``tsidrefresh.conf``, and the site's own on top."""

from __future__ import annotations

import base64
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from tsid.facts.errors import TsidError
from tsid.facts.files import read_file, short_name
from tsid.facts.tables import whole_number
from tsid.text import conf
from tsid.text.addresses import Address, contains, parse_address, parse_prefix
from tsid.text.names import ascii_host
from tsid.text.sanitize import printable

#: The stanza of ``tsidrefresh.conf``.
STANZA = "refresh"

#: The resolver that the system itself uses.
SYSTEM = "system"

#: The authorities of the Python package certifi, which Splunk's Python has.
CERTIFI = "certifi"

_DNS_PORT = 53
# After a name, an IPv4 address, or an IPv6 address in brackets.
_PORT = re.compile(r"(?<=[\w.\]]):[0-9]{1,5}\Z")


class SettingsError(TsidError):
    """A setting that cannot be used."""


class Resolver(NamedTuple):
    """A resolver to ask.

    Attributes:
        name: as in the setting.
        address: its IP address; None for the resolvers of the system.
        port: UDP and TCP port.
    """

    name: str
    address: Optional[str]
    port: int


class Proxy(NamedTuple):
    """An HTTP proxy that takes CONNECT.

    Attributes:
        host: its name or address.
        port: its TCP port.
        headers: sent with each CONNECT; the credentials, if the proxy needs any.
        exceptions: what is connected to directly, in the form of the environment variable NO_PROXY.
    """

    host: str
    port: int
    headers: Mapping[str, str]
    exceptions: str = ""

    def is_bypassed(self, address: Address, host: str) -> bool:
        """Return whether a server is connected to directly.

        Args:
            address: of the server.
            host: its name; empty if it is unknown.
        """
        return any(_matches(text.strip().lower(), address, host) for text in self.exceptions.split(","))


def _matches(exception: str, address: Address, host: str) -> bool:
    """Return whether an entry of NO_PROXY is for a server: an address, a network, a domain, or all."""
    if exception == "*" or parse_address(exception) == address:
        return True
    # With a port, in any of the forms that other programs take.
    bare = _PORT.sub("", exception)
    if bare != exception and parse_address(bare) == address:
        return True
    prefix = parse_prefix(exception)
    if prefix is not None:
        return contains(prefix[1], address)
    domain = bare.lstrip("*").strip(".")
    return bool(domain) and f".{host}".endswith(f".{domain}")


class Settings(NamedTuple):
    """How to refresh; each attribute is a setting of ``tsidrefresh.conf``, whose spec file explains it.

    Attributes:
        resolvers: all of them are asked, and compared.
        members: servers in addition to the aliases in the lookups: name and licensing host.
        tls: look at the servers' certificates.
        tls_port: TCP port of the servers.
        ca_bundle: file of trusted certificates in PEM form; None for the system's.
        proxy: for the TLS connections; None for none.
        timeout: seconds for one attempt.
        attempts: how often to ask a resolver, or a server, that does not answer.
        misses: how many checks in a row have to miss an endpoint before it is retired.
        grace_days: for how many days they have to miss it.
        seen_days: how old ``last_seen`` may become before it is brought up to date.
    """

    resolvers: Sequence[Resolver]
    members: Mapping[str, str]
    tls: bool
    tls_port: int
    ca_bundle: Optional[Path]
    proxy: Optional[Proxy]
    timeout: float
    attempts: int
    misses: int
    grace_days: int
    seen_days: int


def load_settings(app: Path, given: Mapping[str, str], where: str = "command line") -> Settings:
    """Read the settings.

    Args:
        app: the app's folder; a missing file counts as an empty one.
        given: settings that override those of the files, such as a command line's.
        where: what these are, for messages.

    Raises:
        SettingsError: a file or a setting cannot be used; the message says which, and what to do.
    """
    values: dict[str, tuple[str, str]] = {}
    for folder in ("default", "local"):
        for name, value in _read(app / folder / "tsidrefresh.conf").items():
            values[name] = (value, f"{folder}/tsidrefresh.conf")
    unknown = sorted(set(values) - set(Settings._fields))
    if unknown:
        raise SettingsError(
            f"{values[unknown[0]][1]}: unknown setting {unknown[0]}. "
            f"The settings are {', '.join(Settings._fields)}."
        )
    missing = [name for name in Settings._fields if name not in values]
    if missing:
        raise SettingsError(
            f"default/tsidrefresh.conf: no setting {missing[0]}. Restore the file from the app's package."
        )
    values.update((name, (value, where)) for name, value in given.items())
    reader = _Reader(values, app)
    return Settings(
        resolvers=reader.resolvers(),
        members=reader.members(),
        tls=reader.flag("tls"),
        tls_port=reader.number("tls_port", 1, 65535),
        ca_bundle=reader.file("ca_bundle"),
        proxy=reader.proxy(),
        timeout=reader.number("timeout", 1, 300),
        attempts=reader.number("attempts", 1, 10),
        misses=reader.number("misses", 1, 1000),
        grace_days=reader.number("grace_days", 0, 3650),
        seen_days=reader.number("seen_days", 0, 3650),
    )


def _read(path: Path) -> Mapping[str, str]:
    file = short_name(path)
    try:
        # Windows editors put a byte order mark in front; Splunk ignores it.
        stanzas = conf.parse(read_file(path).decode("utf-8-sig"), file)
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise SettingsError(
            f"{file} cannot be read: byte 0x{byte:02x} is not valid UTF-8. Save the file as UTF-8."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror or error}. Correct it, or restore it."
        ) from None
    except conf.ConfError as error:
        raise SettingsError(f"{printable(str(error))}. Correct it, or restore the file.") from None
    if conf.DEFAULT in stanzas:
        raise SettingsError(
            f"{file} cannot be read: it has settings outside the stanza. Move them below the line [{STANZA}]."
        )
    others = [name for name in stanzas if name != STANZA]
    if others:
        raise SettingsError(f"{file}: unknown stanza [{others[0]}]. The only one is [{STANZA}].")
    return stanzas.get(STANZA, {})


class _Reader:
    """Turns the texts of the settings into values."""

    def __init__(self, values: Mapping[str, tuple[str, str]], app: Path) -> None:
        self._values = dict(values)
        self._app = app

    def number(self, name: str, least: int, most: int) -> int:
        text = self._text(name)
        number = whole_number(text, least, most)
        if number is None:
            raise self._refusal(name, f"Give a whole number from {least} to {most}.")
        return number

    def flag(self, name: str) -> bool:
        text = self._text(name).lower()
        if text not in ("1", "true", "yes", "0", "false", "no"):
            raise self._refusal(name, "Use true or false.")
        return text in ("1", "true", "yes")

    def file(self, name: str) -> Optional[Path]:
        text = self._text(name)
        if not text:
            return None
        if text == CERTIFI:
            try:
                import certifi
            except ImportError:
                raise self._refusal(name, "This Python does not have the package certifi.") from None
            return Path(certifi.where())
        path = self._app / text
        if not path.is_file():
            raise self._refusal(name, "The file does not exist; a relative path starts at the app's folder.")
        return path

    def resolvers(self) -> list[Resolver]:
        found = [self._resolver(text) for text in self._list("resolvers")]
        if not found:
            raise self._refusal("resolvers", f"Name one at least: an IP address, or {SYSTEM}.")
        return list(dict.fromkeys(found))

    def members(self) -> dict[str, str]:
        members = {}
        for text in self._list("members"):
            member, colon, host = text.partition(":")
            name, of = ascii_host(member.strip()), ascii_host(host.strip())
            if not (colon and name and of):
                raise self._refusal("members", "Write each as member:host, both DNS names.")
            members[name] = of
        return members

    def proxy(self) -> Optional[Proxy]:
        text = self._text("proxy")
        of_system, exceptions = text.lower() == SYSTEM, ""
        if of_system:
            # Not getproxies(): on Windows it would also read the registry.
            environment = urllib.request.getproxies_environment()
            text, exceptions = environment.get("https", ""), environment.get("no", "")
            self._values["proxy"] = (text, "environment variable HTTPS_PROXY")
        if not text or text.lower() == "none":
            return None
        try:
            parts = urllib.parse.urlsplit(text if "//" in text else f"//{text}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or parts.scheme not in ("", "http") or not (ascii_host(host) or parse_address(host)):
            raise self._refusal("proxy", "Write it as http://host:port.", hidden=True)
        if parts.username is None:
            return Proxy(host, port or 80, {}, exceptions)
        if not of_system:
            raise self._refusal(
                "proxy",
                "It contains a user name, and secrets do not belong in files and searches: use system, and "
                "the environment variable HTTPS_PROXY.",
                hidden=True,
            )
        user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        token = base64.b64encode(user.encode("utf-8")).decode("ascii")
        return Proxy(host, port or 80, {"Proxy-Authorization": f"Basic {token}"}, exceptions)

    def _resolver(self, text: str) -> Resolver:
        if text.lower() == SYSTEM:
            return Resolver(SYSTEM, None, _DNS_PORT)
        host, port = text, str(_DNS_PORT)
        if text.startswith("["):
            host, _, rest = text[1:].partition("]")
            port = rest[1:] if rest.startswith(":") else port
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        address, number = parse_address(host), whole_number(port, 1, 65535)
        if address is None or number is None:
            raise self._refusal(
                "resolvers",
                f"'{text}' is neither {SYSTEM} nor an IP address, which may have a port after a colon (IPv6 "
                "then in square brackets).",
            )
        return Resolver(text, str(address), number)

    def _list(self, name: str) -> list[str]:
        return [text.strip() for text in self._text(name).split(",") if text.strip()]

    def _text(self, name: str) -> str:
        return self._values[name][0].strip()

    def _refusal(self, name: str, cure: str, *, hidden: bool = False) -> SettingsError:
        text, where = self._values[name]
        return SettingsError(f"{where}: {name}{'' if hidden else ' = ' + text} cannot be used. {cure}")
