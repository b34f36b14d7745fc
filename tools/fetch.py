"""Brings one file of a PyPI project, known by its hash, for a machine that has no installer yet."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tools.common import CACHE, ToolError, sha256

DEFAULT_INDEX = "https://pypi.org/simple"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
INSTALL_PIP = "install pip for this Python (Debian: apt install python3-venv)"
AGENT = "tsidenrich-tools"
TIMEOUT = 30.0
"""Seconds without a byte before a request counts as failed."""
PAUSES = (1.0, 3.0)
"""Seconds to wait before the second and the third try."""


def fetch(project: str, filename: str, hashes: Collection[str], cache: Path = CACHE) -> Path:
    """Return the path of a project's file, from the cache or else from the package index.

    The index is PyPI, or the one that PIP_INDEX_URL names; the usual proxy variables are honoured. What has
    none of the given SHA-256 hashes is never kept.

    Raises:
        ToolError: the index cannot be reached, does not have the file, or sends another one.
    """
    kept = cache / filename
    if kept.is_file() and sha256(kept) in hashes:
        return kept
    page = f"{_index()}/{project}/"
    content = _get(_address_of(filename, page), accept="*/*")
    if hashlib.sha256(content).hexdigest() not in hashes:
        raise ToolError(
            f"{urlsplit(page).hostname} sent a {filename} that is not the pinned one",
            "find out why before trying again: a proxy may have replaced it",
        )
    cache.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(f"{filename}.{os.getpid()}.tmp")
    partial.write_bytes(content)
    partial.replace(kept)
    return kept


def _index() -> str:
    index = os.environ.get("PIP_INDEX_URL", DEFAULT_INDEX).rstrip("/")
    if "@" in urlsplit(index).netloc:
        raise ToolError(
            "PIP_INDEX_URL holds a user name, which only pip itself can use",
            INSTALL_PIP,
        )
    return index


def _address_of(filename: str, page: str) -> str:
    """Look a file up on its project's page."""
    host = urlsplit(page).hostname
    try:
        listed = json.loads(_get(page, accept=SIMPLE_JSON))["files"]
        addresses: dict[str, str] = {file["filename"]: file["url"] for file in listed}
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(
            f"the package index at {host} does not speak the simple JSON API",
            f"set PIP_INDEX_URL to one that does, or {INSTALL_PIP}",
        ) from error
    if filename not in addresses:
        raise ToolError(
            f"the package index at {host} does not have {filename}", "set PIP_INDEX_URL to one that does"
        )
    return urljoin(page, addresses[filename])


def _get(url: str, accept: str) -> bytes:
    """Read a URL, trying again where that may help."""
    host = urlsplit(url).hostname
    reason = ""
    for pause in (*PAUSES, None):
        try:
            request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": AGENT})
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise ToolError(
                    f"{host} answered {error.code} {error.reason}", "check PIP_INDEX_URL"
                ) from error
            reason = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            cause = getattr(error, "reason", error)
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise ToolError(
                    f"the certificate of {host} cannot be verified: {cause.verify_message}",
                    "apt install ca-certificates; behind a proxy that re-signs traffic, "
                    "set SSL_CERT_FILE to a file that holds its certificate",
                ) from error
            reason = str(cause) or type(cause).__name__
        if pause is not None:
            time.sleep(pause)
    raise ToolError(
        f"{host} cannot be reached: {reason}",
        "check the network; behind a proxy set HTTPS_PROXY, with a mirror set PIP_INDEX_URL",
    )
