"""Reads the chunks that splunkd sends to a search command, and explains what is wrong with a broken one.

A length in a header allocates nothing: the data is read block by block as it arrives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Callable, NamedTuple, Optional

from tsid.facts.errors import TsidError

#: The longest metadata, in bytes. Most of it is the search, which Splunk repeats with the results of its
#: subsearches.
MAX_METADATA = 64 << 20

_HEADER = re.compile(rb"chunked\s+1\.0\s*,\s*(\d{1,18})\s*,\s*(\d{1,18})\s*\n\Z")
_MAX_HEADER = 200
_BLOCK = 64 * 1024
_MAX_EXCERPT = 60

_REPORT = "Please report it with Splunk's version and the search."


class ChunkError(TsidError):
    """The input is not a chunk of splunkd.

    Args:
        problem: what is wrong, without a full stop.
        cure: what to do about it, a full sentence.
    """

    def __init__(self, problem: str, cure: str = _REPORT) -> None:
        super().__init__(f"{problem}. {cure}")


class Request(NamedTuple):
    """The start of a chunk: its metadata, and the length of the body that follows, in bytes."""

    metadata: dict[str, Any]
    length: int


def read_request(stream: BinaryIO) -> Optional[Request]:
    """Read a chunk up to its body; return None at the end of the input.

    Raises:
        ChunkError: the input is not a chunk, or ends too early.
    """
    header = stream.readline(_MAX_HEADER)
    if not header:
        return None
    match = _HEADER.match(header)
    if match is None:
        if not header.endswith(b"\n") and len(header) < _MAX_HEADER:
            raise _cut_off(f"header of a chunk from Splunk ends after {len(header)} bytes")
        raise ChunkError(f"expected the header of a chunk from Splunk, not {header[:_MAX_EXCERPT]!r}")
    metadata, body = int(match.group(1)), int(match.group(2))
    if metadata > MAX_METADATA:
        raise ChunkError(
            f"the chunk's metadata from Splunk is announced as {metadata} bytes, more than {MAX_METADATA}"
        )
    return Request(_decode(b"".join(_blocks(stream, metadata, "metadata", _BLOCK))), body)


def read_body(stream: BinaryIO, length: int, block: int = _BLOCK) -> Iterator[bytes]:
    """Yield a body block by block: the rest waits in the pipe, not in memory.

    Raises:
        ChunkError: the input ends too early.
    """
    return _blocks(stream, length, "body", block)


def check_getinfo(metadata: Mapping[str, Any]) -> None:
    """Check the members of the first chunk that the SDK uses without a check.

    Raises:
        ChunkError: a member is missing or wrong.
    """
    if metadata.get("action") != "getinfo":
        raise ChunkError(f"expected a getinfo chunk from Splunk, not {_action(metadata)}")
    info = metadata.get("searchinfo")
    if not isinstance(info, dict):
        raise ChunkError("the getinfo chunk from Splunk has no searchinfo")
    for name, (is_right, kind) in _SEARCHINFO.items():
        if not is_right(info.get(name)):
            value = repr(info[name])[:_MAX_EXCERPT] if name in info else "missing"
            raise ChunkError(f"in the getinfo chunk from Splunk, searchinfo.{name} is {value}, not {kind}")


def check_execute(metadata: Mapping[str, Any]) -> bool:
    """Check the metadata of any further chunk; return whether it is the last one.

    Raises:
        ChunkError: it is not an execute chunk.
    """
    if metadata.get("action") != "execute":
        raise ChunkError(f"expected an execute chunk from Splunk, not {_action(metadata)}")
    finished = metadata.get("finished", False)
    if not isinstance(finished, bool):
        text = repr(finished)[:_MAX_EXCERPT]
        raise ChunkError(f"in the execute chunk from Splunk, finished is {text}, not true or false")
    return finished


def _blocks(stream: BinaryIO, length: int, what: str, block: int) -> Iterator[bytes]:
    for position in range(0, length, block):
        wanted = min(block, length - position)
        data = stream.read(wanted)
        if len(data) != wanted:
            raise _cut_off(f"chunk's {what} from Splunk ends after {position + len(data)} of {length} bytes")
        yield data


def _cut_off(problem: str) -> ChunkError:
    return ChunkError(
        f"the {problem}",
        "The splunkd that runs this part of the search was stopped, or the search cancelled: see splunkd.log "
        "on that host, then run the search again.",
    )


def _decode(data: bytes) -> dict[str, Any]:
    excerpt = f"{data[:_MAX_EXCERPT]!r}"
    try:
        metadata = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ChunkError(f"the chunk's metadata from Splunk is not UTF-8 at byte {error.start}") from None
    # Metadata may also be nested too deeply, or contain a number with too many digits.
    except (ValueError, RecursionError) as error:
        raise ChunkError(f"the chunk's metadata from Splunk is not JSON ({error}): {excerpt}") from None
    if not isinstance(metadata, dict):
        raise ChunkError(f"the chunk's metadata from Splunk is not a JSON object: {excerpt}")
    return metadata


def _action(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("action"))[:_MAX_EXCERPT]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, (str, int, float)) and float(value) < float("inf")
    except (ValueError, OverflowError):
        return False


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_size(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


#: The required members of searchinfo: a check, and the type for the message.
_SEARCHINFO: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "args": (_is_list, "a list of texts"),
    "dispatch_dir": (_is_text, "a text"),
    "earliest_time": (_is_time, "a time"),
    "latest_time": (_is_time, "a time"),
    "maxresultrows": (_is_size, "a number of rows"),
    "search": (_is_text, "a text"),
    "sid": (_is_text, "a text"),
    "splunk_version": (_is_text, "a text"),
}
