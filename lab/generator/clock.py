"""Formats times as the logs do, in UTC and in English, independent of the locale."""

from __future__ import annotations

import time
from functools import lru_cache

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# Many events share a second, and the times of a connection are close together.
@lru_cache(maxsize=1024)
def iso(epoch: int) -> str:
    """FTD syslog: ``2023-03-27T08:41:37Z``."""
    year, month, day, hour, minute, second = time.gmtime(epoch)[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


@lru_cache(maxsize=1024)
def asa(epoch: int) -> str:
    """ASA syslog: ``Apr 15 2013 09:36:50``."""
    year, month, day, hour, minute, second = time.gmtime(epoch)[:6]
    return f"{_MONTHS[month - 1]} {day:02} {year:04} {hour:02}:{minute:02}:{second:02}"


def fmc(epoch: int) -> str:
    """FMC's tables: ``2025-12-02 18:46:41``."""
    return iso(epoch)[:-1].replace("T", " ")
