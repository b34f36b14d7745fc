"""Creates and locks files in the lookups folder so that a planted link cannot redirect them.

The refresh may run as root in a folder that Splunk's user can write to. Its files get the owner and the mode
of the folder, so that Splunk's user can read and replace them afterwards.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tsid.facts.errors import TsidError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Splunk leaves *.tmp out of the bundles for indexers.
_LOCK = "tsidrefresh.lock.tmp"
_PAUSE = 0.05
# O_BINARY exists only on Windows, which has no O_NOFOLLOW: creating a link needs a privilege there.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_LOCK_IS_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)


class PublishError(TsidError):
    """The tables cannot be written; the message says which of them are as before."""


def create(path: Path) -> BinaryIO:
    """Create a file for writing, and replace whatever an earlier refresh left there.

    Raises:
        OSError: the file cannot be created, or somebody else creates one of this name at the same time.
    """
    path.unlink(missing_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    try:
        _adopt(number, path.parent)
        return os.fdopen(number, "wb")
    except BaseException:
        os.close(number)
        raise


def read_own(path: Path) -> bytes:
    """Return the content of a plain file.

    Raises:
        OSError: the path is a link, a pipe or the like, or the file cannot be read.
    """
    # Opening a pipe would wait for its other end.
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _FLAGS), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        return file.read()


@contextlib.contextmanager
def exclusive_refresh(folder: Path, seconds: float) -> Iterator[None]:
    """Keep other refreshes out of the lookups.

    Args:
        folder: the app's ``lookups`` folder.
        seconds: how long to wait for another refresh.

    Raises:
        PublishError: another refresh is running, the folder cannot be written to, or has no locks.
    """
    path = folder / _LOCK
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
    except OSError as error:
        raise _cannot_lock(path, error) from None
    try:
        try:
            _check_and_adopt(number, path)
            is_locked = _lock(number, seconds)
        except OSError as error:
            raise _cannot_lock(path, error) from None
        if not is_locked:
            _check_writable(folder)
            raise PublishError("Another refresh is running on these lookups. Try again when it is done.")
        try:
            yield
        finally:
            _unlock(number)
    finally:
        os.close(number)


def _check_and_adopt(number: int, path: Path) -> None:
    found = os.fstat(number)
    # A second name may belong to a file outside this folder.
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise PublishError(f"{path} is not a plain file. Remove it, and refresh again.")
    if sys.platform == "win32" or os.geteuid() in (0, found.st_uid):
        _adopt(number, path.parent)


def _adopt(number: int, folder: Path) -> None:
    """Give an open file the owner and the mode of a file in this folder, whatever the umask."""
    if sys.platform != "win32":
        found = folder.stat()
        if os.geteuid() == 0:
            os.fchown(number, found.st_uid, found.st_gid)
        os.fchmod(number, found.st_mode & 0o666)


def _check_writable(folder: Path) -> None:
    """Raise if the folder cannot be written to, which Windows reports like a lock that is held."""
    trial = folder / f"tsidrefresh.{os.getpid()}.tmp"
    try:
        create(trial).close()
        trial.unlink()
    except OSError as error:
        raise _cannot_lock(trial, error) from None


def _lock(number: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while True:
        try:
            if sys.platform == "win32":
                msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in _LOCK_IS_HELD:
                raise
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE)


def _unlock(number: int) -> None:
    if sys.platform == "win32":
        os.lseek(number, 0, os.SEEK_SET)
        msvcrt.locking(number, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(number, fcntl.LOCK_UN)


def _cannot_lock(path: Path, error: OSError) -> PublishError:
    reason = error.strerror or str(error)
    if error.errno in _NO_LOCKS:
        return PublishError(
            f"The file system of {path.parent} has no locks ({reason}). The lookups are as before. Move the "
            "app to a local file system, or refresh by the scheduled searches instead of this script."
        )
    if path.is_dir() and not path.is_symlink():
        return PublishError(f"{path} is a folder. The lookups are as before. Remove it, and refresh again.")
    if path.is_symlink():
        return PublishError(
            f"{path} is a link, which a refresh does not follow. The lookups are as before. Find out who put "
            "it there, remove it, and refresh again."
        )
    if error.errno == errno.EACCES and path.exists():
        return PublishError(
            f"{path} belongs to another user ({reason}). The lookups are as before. Run the refresh as the "
            "user that Splunk runs as; if root left the file, remove it."
        )
    return PublishError(
        f"Nothing can be written to {path.parent}: {reason}. The lookups are as before. Make room, or run "
        "the refresh as the user that Splunk runs as."
    )
