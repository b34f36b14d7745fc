"""Returns every body unchanged, without the SDK: the fastest possible command in Python."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Answer getinfo, then every chunk."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    for header in iter(source.readline, b""):
        _, metadata_length, body_length = header.split(b",")
        request = json.loads(source.read(int(metadata_length)))
        body = source.read(int(body_length))
        is_start = request["action"] == "getinfo"
        reply = {"type": "streaming"} if is_start else {"finished": request["finished"]}
        metadata = json.dumps(reply).encode("ascii")
        sink.write(b"chunked 1.0,%d,%d\n" % (len(metadata), len(body)))
        sink.write(metadata)
        sink.write(body)
        sink.flush()
        del body  # before the next one is read: it is as large as a chunk


main()
