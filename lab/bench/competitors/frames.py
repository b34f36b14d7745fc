"""The chunk protocol with nothing around it, for the commands that show what the interpreter alone can do."""

from __future__ import annotations

import json
import sys
from typing import Callable


def serve(transform: Callable[[bytes], bytes]) -> None:
    """Answer getinfo, then every chunk with what the function makes of its body."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    for header in iter(source.readline, b""):
        _, metadata_length, body_length = header.split(b",")
        request = json.loads(source.read(int(metadata_length)))
        body = source.read(int(body_length))
        if request["action"] == "getinfo":
            reply, answer = {"type": "streaming"}, b""
        else:
            reply, answer = {"finished": request["finished"]}, transform(body)
        metadata = json.dumps(reply).encode("ascii")
        sink.write(b"chunked 1.0,%d,%d\n" % (len(metadata), len(answer)))
        sink.write(metadata)
        sink.write(answer)
        sink.flush()
