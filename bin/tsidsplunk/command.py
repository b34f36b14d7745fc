"""What the app's search commands share at the seam between splunklib and the library in `tsid`.

Of the private side of splunk-sdk 2.1.1 this overrides ``SearchCommand._read_chunk``,
``SearchCommand._report_unexpected_error`` and ``SearchCommand._protocol_v2_option_parser``, and uses
``_metadata``, ``ObjectView`` and ``_record_writer`` with its ``_write_chunk``.
``tests/tsidsplunk/test_sdk_surface.py`` fails when another version of the SDK changes one of these.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, ClassVar, Generic, NoReturn, Optional, TextIO, TypeVar, Union

from tsidsplunk.protocol import ChunkError, check_execute, check_getinfo, read_body, read_request

from splunklib.searchcommands import SearchMetric, validators
from splunklib.searchcommands.internals import ObjectView

from tsid.facts.errors import TsidError
from tsid.text.sanitize import for_message

T = TypeVar("T")

_BY_SPLUNK = "Splunk starts this command for a search, and says at once what is to be done."


class Refused:
    """An option's value that is not allowed, with the reason.

    The SDK replaces what a validator raises by 'Illegal value'. So a validator of this app returns its
    objection, and the command reports it when it prepares.
    """

    def __init__(self, value: str, reason: str) -> None:
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        return self.value


class Checked(validators.Validator, Generic[T]):  # type: ignore[misc]
    """A validator whose objection reaches the user in full: the base of this app's validators."""

    def __call__(self, value: Optional[str]) -> Union[T, Refused, None]:
        """Return the option's value, or a `Refused` with the reason."""
        if value is None:
            return None
        try:
            return self.read(str(value))
        except ValueError as error:
            return Refused(str(value), str(error))

    def read(self, text: str) -> T:
        """Return the value that the text stands for, or raise ValueError with the sentence for the user."""
        raise NotImplementedError

    def format(self, value: object) -> Optional[str]:
        """Return the value as it would stand in a search."""
        return None if value is None else str(value)


class Flag(Checked[bool]):
    """A yes or no, in the spellings that Splunk's own commands take."""

    _VALUES: ClassVar[dict[str, bool]] = {
        **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
        **dict.fromkeys(("false", "f", "no", "n", "0"), False),
    }

    def read(self, text: str) -> bool:
        """Read true or false."""
        try:
            return self._VALUES[text.lower()]
        except KeyError:
            raise ValueError("use true or false") from None


class Choice(Checked[str]):
    """One of some words."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def read(self, text: str) -> str:
        """Read one of the words, in any letter case."""
        if text.lower() not in self._words:
            raise ValueError(f"use one of {', '.join(self._words)}")
        return text.lower()


class Field(Checked[str]):
    """The name of an event's field."""

    def read(self, text: str) -> str:
        """Read the name of a field."""
        if not text.strip():
            raise ValueError("give the name of a field")
        return text


class TsidCommand:
    """Reporting of errors for this app's commands; stands before an SDK command class in the list of bases.

    Whatever is wrong with the command line, a lookup, the chunks from Splunk or the command itself ends the
    search with one message.
    """

    # Provided by splunklib's SearchCommand.
    name: str
    options: Any
    fieldnames: list[str]
    logger: Any
    _metadata: Any
    _record_writer: Any

    def process(
        self,
        argv: Sequence[str],
        ifile: Optional[TextIO],
        ofile: Optional[TextIO],
        allow_empty_input: bool = True,
    ) -> None:
        """Serve one search; called by the SDK."""
        # Who interrupts a Splunk that runs in a terminal wants no traceback from each of its commands.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if ifile is None or ofile is None:
            sys.exit(f"{self.name}: standard input or output is closed. {_BY_SPLUNK}")
        try:
            super().process(argv, ifile, ofile, allow_empty_input)  # type: ignore[misc]
        except BrokenPipeError:
            _leave_quietly(ofile)

    def prepare(self) -> None:
        """Check the options and load what the command needs; called by the SDK before it answers getinfo."""
        write_chunk = self._record_writer._write_chunk

        def write(*parts: object) -> None:
            with writing():
                write_chunk(*parts)

        self._record_writer._write_chunk = write
        try:
            self._check_options()
            self.load()
        except TsidError as error:
            self.stop(str(error))
        except Exception as error:
            self.stop(_unexpected(error))

    def load(self) -> None:
        """Load what the command needs and configure it; a `TsidError` ends the search with its message."""
        raise NotImplementedError

    def stop(self, message: str) -> NoReturn:
        """End the search with one message to the user."""
        self.write_error(message)
        sys.exit(1)

    def write_error(self, message: str, *args: object) -> None:
        """Write an error for the user; unlike in the SDK, text without arguments may hold braces."""
        text = message if args else message.replace("{", "{{").replace("}", "}}")
        super().write_error(f"{self.name}: {text}", *args)  # type: ignore[misc]

    def _read_chunk(self, stream: BinaryIO) -> Optional[tuple[Any, str]]:
        # The SDK takes what came of a chunk for the whole of it, and finds little wrong with anything else.
        request = read_request(stream)
        is_first = self._metadata is None
        if request is None:
            if is_first:
                raise ChunkError("the input from Splunk ended before its first chunk", _BY_SPLUNK)
            return None
        metadata, length = request
        if is_first:
            check_getinfo(metadata)
            if length:
                raise ChunkError(f"the getinfo chunk from Splunk has a body of {length} bytes")
            searchinfo = ObjectView(metadata["searchinfo"])
            return ObjectView({"preview": False, **metadata, "searchinfo": searchinfo}), ""
        finished = check_execute(metadata)
        body = b"".join(read_body(stream, length)).decode("utf-8", "replace")
        return ObjectView({"action": "execute", "finished": finished}), body

    def _report_unexpected_error(self) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, BrokenPipeError):
            raise error
        # After a reply, too, one more has to be written.
        self._record_writer.is_flushed = False
        if isinstance(error, TsidError):
            self.write_error(str(error))
        else:
            message = _unexpected(error)
            # With its traceback to stderr, which Splunk keeps in search.log.
            self.logger.exception(message)
            self.write_error(message)

    def _protocol_v2_option_parser(self, arg: str) -> list[str]:
        # The SDK meets an unknown option with a message of its own; as a positional argument it comes to
        # _check_options. The SDK's own options are unknown too: logging_configuration would let any user who
        # can bring a file onto the machine run code from it.
        name, equals, value = arg.partition("=")
        return [name, value] if equals and name in self._own_options() else [arg]

    def _check_options(self) -> None:
        problems = []
        for argument in self.fieldnames:
            name, equals, _ = argument.partition("=")
            problems.append(f"unknown option {name}" if equals else f"unexpected argument {argument}")
        if problems:
            problems[-1] += f"; the options are {', '.join(sorted(self._own_options()))}"
        for name in self._own_options():
            value = self.options[name].value
            if isinstance(value, Refused):
                problems.append(f"{name}={value}: {value.reason}")
        if problems:
            raise TsidError(". ".join(problems) + ".")

    def _own_options(self) -> list[str]:
        return [name for name, option in self.options.items() if isinstance(option.validator, Checked)]


def _unexpected(error: Optional[BaseException]) -> str:
    return f"unexpected {type(error).__name__}: {for_message(str(error))}. Please report it with your search."


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Let a write to a pipe that nobody reads any more raise BrokenPipeError, on Windows as well."""
    try:
        yield
    except OSError as error:
        # There it is an invalid argument.
        if sys.platform == "win32" and error.errno == errno.EINVAL:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from error
        raise


def _leave_quietly(output: TextIO) -> NoReturn:
    """Exit without a word: Splunk closes the pipe when a search has seen enough."""
    # Python would try, and complain, to flush what is still in the buffer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
    sys.exit(0)


def metric(seconds: float, events_in: int, events_out: int) -> Any:
    """Return an entry of the search inspector: elapsed seconds, one invocation, rows in and out."""
    return SearchMetric(round(seconds, 6), 1, events_in, events_out)
