"""Reads every body with Python's csv module and writes it again: what any command pays that works on cells."""

from __future__ import annotations

import csv
import io
import sys

from frames import serve


def read_and_write(body: bytes) -> bytes:
    """Return the same table as the csv module writes it."""
    rows = csv.reader(io.StringIO(body.decode("utf-8", "surrogateescape"), newline=""))
    output = io.StringIO(newline="")
    csv.writer(output, lineterminator="\n").writerows(rows)
    return output.getvalue().encode("utf-8", "surrogateescape")


# The default of 128 KiB is less than a field may hold.
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
serve(read_and_write)
