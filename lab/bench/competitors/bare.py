"""Returns every body, copied or rewritten by the csv module: what the interpreter can do without the SDK.

The copy is the most that any command in Python can reach; the csv module is what a command pays that takes
every row apart and puts it together again.
"""

from __future__ import annotations

import json
import sys
from typing import Callable

Transform = Callable[[bytes], bytes]


def copy(body: bytes) -> bytes:
    """Return the body as it came."""
    return body


def csv_rewriter() -> Transform:
    """Return a function that reads a table with the csv module and writes it again."""
    import csv  # noqa: PLC0415 - the copy shall start without it
    import io  # noqa: PLC0415

    # The default of 128 KiB is less than a field may hold.
    csv.field_size_limit(2**31 - 1)

    def rewrite(body: bytes) -> bytes:
        rows = csv.reader(io.StringIO(body.decode("utf-8", "surrogateescape"), newline=""))
        output = io.StringIO(newline="")
        csv.writer(output, lineterminator="\n").writerows(rows)
        return output.getvalue().encode("utf-8", "surrogateescape")

    return rewrite


def widen_pipes() -> None:
    """Let the pipes hold as much as this app's command lets them hold."""
    from fcntl import fcntl  # noqa: PLC0415 - the other ways shall start without it

    set_pipe_size = 1031
    for stream in (sys.stdin, sys.stdout):
        fcntl(stream.fileno(), set_pipe_size, 256 * 1024)


def main() -> None:
    """Answer getinfo, whose argument says what to do, and then every chunk."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    transform: Transform = copy
    for header in iter(source.readline, b""):
        _, metadata_length, body_length = header.split(b",")
        request = json.loads(source.read(int(metadata_length)))
        body = source.read(int(body_length))
        if request["action"] == "getinfo":
            arguments = request["searchinfo"]["args"]
            transform = csv_rewriter() if "csv" in arguments else copy
            if "wide" in arguments:
                widen_pipes()
            reply, answer = {"type": "streaming"}, b""
        else:
            reply, answer = {"finished": request["finished"]}, transform(body)
        # The body and its answer are as large as a chunk: neither shall be kept while the next one is read.
        del body
        metadata = json.dumps(reply).encode("ascii")
        sink.write(b"chunked 1.0,%d,%d\n" % (len(metadata), len(answer)))
        sink.write(metadata)
        sink.write(answer)
        sink.flush()
        del answer


main()
