"""Runs a script without what Python lacks on Windows, and with what is different there.

Usage: python tests/app/as_windows.py SCRIPT [ARGUMENT...]

* What modules, ``os`` and ``signal`` lack on Windows is gone (compared with CPython 3.13 for Windows).
* ``sys.platform`` is win32: what the app and its libraries decide by it, they decide as there. ``os.name`` stays:
  by it, pathlib would make Windows paths of a POSIX system's files.
* stdout is a file of code page 1252; a pipe that nobody reads is an invalid argument.
* There is no time before 1970 or behind the year 3000.

With the environment variable AS_WINDOWS=stdout, only stdout is as there. What Windows itself does with files, locks
and sockets is not shown by this.
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
    """Standard output as the C library of Windows has it."""

    def write(self, data: Any) -> int:
        """Write, or tell in Windows' way that nobody reads."""
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
    """The locks of Windows's C library, by those of this system."""

    LK_NBLCK, LK_UNLCK = 2, 0
    _flock = staticmethod(fcntl.flock)
    _modes: ClassVar[dict[int, int]] = {LK_NBLCK: fcntl.LOCK_EX | fcntl.LOCK_NB, LK_UNLCK: fcntl.LOCK_UN}

    def locking(self, number: int, mode: int, _: int) -> None:
        try:
            self._flock(number, self._modes[mode])
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None


def become_windows(libraries: Path) -> None:
    """Take away, and change, what the process has.

    Args:
        libraries: those of the app.
    """
    for module, names in ((os, FUNCTIONS), (signal, SIGNALS)):
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    for name, number in SIGNALS_OF_WINDOWS.items():
        setattr(signal, name, number)
    for name in MODULES.split():
        sys.modules[name] = None  # type: ignore[assignment]
    # It was loaded with asyncio, and copies by what os had then.
    importlib.reload(shutil)
    # These have code of their own for Windows, which needs it.
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
