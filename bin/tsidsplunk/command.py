"""The base of this app's search commands: one message for any error, and none of the SDK's own options.

Of the private side of splunk-sdk 2.1.1 this overrides ``SearchCommand._read_chunk``,
``SearchCommand._report_unexpected_error`` and ``SearchCommand._protocol_v2_option_parser``, and uses
``_metadata``, ``ObjectView`` and ``_record_writer`` with its ``_write_chunk``.
``tests/tsidsplunk/test_sdk_surface.py`` fails when another version of the SDK changes one of these.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, NoReturn, Optional, TextIO

from tsidsplunk.options import Checked, Refused
from tsidsplunk.pipes import leave_quietly, writing
from tsidsplunk.protocol import ChunkError, check_execute, check_getinfo, read_body, read_request

from splunklib.searchcommands.internals import ObjectView

from tsid.facts.errors import TsidError
from tsid.text.sanitize import for_message

_BY_SPLUNK = "Splunk starts this command for a search and sends it the search at once."


class TsidCommand:
    """Reports the errors of this app's commands; list it before the SDK's class among the bases.

    Any problem with the command line, a lookup, the chunks from Splunk or the command itself ends the search
    with one message.
    """

    # Provided by splunklib's SearchCommand.
    name: str
    options: Any
    fieldnames: list[str]
    logger: Any
    write_warning: Any
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
        # Ctrl-C in the terminal of a Splunk must not print a traceback of each of its commands.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if ifile is None or ofile is None:
            sys.exit(f"{self.name}: standard input or output is closed. {_BY_SPLUNK}")
        try:
            super().process(argv, ifile, ofile, allow_empty_input)  # type: ignore[misc]
        except BrokenPipeError:
            leave_quietly(ofile)

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
        """Load the tables and configure the command; a `TsidError` ends the search with its message."""
        raise NotImplementedError

    def warn(self, warnings: Iterable[str]) -> None:
        """Show warnings to the user."""
        for text in warnings:
            self.write_warning("{}", f"{self.name}: {text}")

    def stop(self, message: str) -> NoReturn:
        """End the search with one message to the user."""
        self.write_error(message)
        sys.exit(1)

    def write_error(self, message: str, *args: object) -> None:
        """Write an error for the user; unlike in the SDK, text without arguments may hold braces."""
        text = message if args else message.replace("{", "{{").replace("}", "}}")
        super().write_error(f"{self.name}: {text}", *args)  # type: ignore[misc]

    def _read_chunk(self, stream: BinaryIO) -> Optional[tuple[Any, str]]:
        # The SDK takes a truncated chunk for a whole one, and checks little else.
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
        # The message needs a reply of its own, also after the reply to this chunk.
        self._record_writer.is_flushed = False
        if isinstance(error, TsidError):
            self.write_error(str(error))
        else:
            message = _unexpected(error)
            # The traceback goes to stderr, which Splunk keeps in search.log.
            self.logger.exception(message)
            self.write_error(message)

    def _protocol_v2_option_parser(self, arg: str) -> list[str]:
        # The SDK has a message of its own for an unknown option; as a positional argument the option reaches
        # _check_options. The SDK's own options count as unknown: logging_configuration would let any user who
        # can place a file on the machine run code from it.
        name, equals, value = arg.partition("=")
        return [name, value] if equals and name in self._own_options() else [arg]

    def _unknown_option(self, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(name, self._own_options(), 1)
        return f"unknown option {name} (did you mean {near[0]}?)" if near else f"unknown option {name}"

    def _check_options(self) -> None:
        problems = []
        for argument in self.fieldnames:
            name, equals, _ = argument.partition("=")
            problems.append(self._unknown_option(name) if equals else f"unexpected argument {argument}")
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
