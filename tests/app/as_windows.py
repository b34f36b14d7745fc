"""Runs a script as on Windows, as far as Python's own differences go.

Usage: python tests/app/as_windows.py SCRIPT [ARGUMENT...]

* Modules and members of ``os`` and ``signal`` that Windows lacks are removed (as in CPython 3.13 for Windows).
* ``sys.platform`` is win32 for the app and its libraries. ``os.name`` is unchanged: with it, pathlib would make
  Windows paths of a POSIX system's files.
* stdout is a file of code page 1252; a pipe without a reader is an invalid argument.
* Times before 1970 or after the year 3000 are errors.

With the environment variable AS_WINDOWS=stdout, only stdout is changed. The behaviour of Windows itself with
files, locks and sockets is not reproduced.
"""

from __future__ import annotations

import asyncio  # noqa: F401 - loaded while it finds what it needs; its part for POSIX is never used
import datetime
import errno
import fcntl
import importlib
import io
import os
import runpy
import shutil
import signal
import sys
import types
import warnings
from pathlib import Path
from typing import Any, ClassVar, Optional

MODULES = "crypt curses fcntl grp nis pty pwd readline resource spwd syslog termios tty"
FUNCTIONS = """
chown chroot confstr copy_file_range ctermid environb eventfd fchdir fchown fdatasync fork forkpty fpathconf fstatvfs
fwalk getegid getenvb geteuid getgid getgrouplist getgroups getloadavg getpgid getpgrp getpriority getrandom getresgid
getresuid getsid getuid getxattr initgroups killpg lchown listxattr lockf major makedev memfd_create minor mkfifo mknod
nice openpty pathconf pidfd_open pipe2 posix_fadvise posix_fallocate posix_spawn posix_spawnp pread preadv pwrite
pwritev readv register_at_fork removexattr sched_getaffinity sched_setaffinity sched_yield sendfile setegid seteuid
setgid setgroups setpgid setpgrp setpriority setregid setresgid setresuid setreuid setsid setuid setxattr statvfs sync
sysconf tcgetpgrp tcsetpgrp ttyname uname wait wait3 wait4 waitid writev
O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_SYNC
"""
SIGNALS = (
    "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGTSTP SIGUSR1 SIGUSR2 alarm pause pthread_sigmask setitimer"
)
SIGNALS_OF_WINDOWS = {"CTRL_C_EVENT": 0, "CTRL_BREAK_EVENT": 1, "SIGBREAK": 21}
LATEST = 32_536_799_999


class Pipe(io.FileIO):
    """Standard output like that of Windows' C library."""

    def write(self, data: Any) -> int:
        """Write; without a reader, raise Windows' error."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None


class DateTime(datetime.datetime):
    """Dates with the limits of Windows."""

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: Optional[datetime.tzinfo] = None) -> DateTime:
        """Return a time."""
        if not 0 <= timestamp <= LATEST:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return super().fromtimestamp(timestamp, tz)


class Locks(types.ModuleType):
    """The locks of Windows' C library, implemented with this system's."""

    LK_NBLCK, LK_UNLCK = 2, 0
    _flock = staticmethod(fcntl.flock)
    _modes: ClassVar[dict[int, int]] = {LK_NBLCK: fcntl.LOCK_EX | fcntl.LOCK_NB, LK_UNLCK: fcntl.LOCK_UN}

    def locking(self, number: int, mode: int, _: int) -> None:
        try:
            self._flock(number, self._modes[mode])
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None


def become_windows(libraries: Path) -> None:
    """Remove and change modules and members in this process.

    Args:
        libraries: the app's libraries.
    """
    for module, names in ((os, FUNCTIONS), (signal, SIGNALS)):
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    for name, number in SIGNALS_OF_WINDOWS.items():
        setattr(signal, name, number)
    for name in MODULES.split():
        sys.modules[name] = None  # type: ignore[assignment]
    # It was loaded with asyncio, before os lost members.
    importlib.reload(shutil)
    # Their code for Windows needs Windows.
    sys.path.insert(0, str(libraries))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("dns.resolver")
    del sys.path[0]
    sys.modules["msvcrt"] = Locks("msvcrt")
    sys.platform = "win32"
    datetime.datetime = DateTime  # type: ignore[misc]


if __name__ == "__main__":
    del sys.argv[0]
    script = Path(sys.argv[0])
    if os.environ.get("AS_WINDOWS") != "stdout":
        become_windows(script.parent / "lib")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(Pipe(1, "wb", closefd=False)), encoding="cp1252")
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")
