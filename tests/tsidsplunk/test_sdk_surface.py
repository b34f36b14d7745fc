"""Guards the private side of splunk-sdk that the hot path uses; a new SDK has to be looked at before it is vendored."""

from __future__ import annotations

import inspect
import io
import json
import re
from pathlib import Path

from tsidsplunk import environment

import splunklib
from splunklib.searchcommands import StreamingCommand
from splunklib.searchcommands.internals import ObjectView, RecordWriterV2
from splunklib.searchcommands.search_command import SearchCommand

from tests.tools.interpreters import FLAVOUR
from tools import vendor

CURE = (
    "splunk-sdk has changed below bin/tsidsplunk/command.py and bin/tsidsplunk/chunks.py: read their docstrings, adapt them to "
    "the new SDK, then this test: "
)


def test_the_version_is_the_one_that_was_looked_at() -> None:
    looked_at = {"2": "2.1.1", "3": "3.0.1"}
    # splunklib 3 no longer states its version; vendored libraries come with the list of what they are.
    listed = (Path(splunklib.__file__).parents[1] / vendor.RECORD).read_text("utf-8")
    assert re.findall(r"(?m)^splunk-sdk==(\S+)", listed) == [looked_at[FLAVOUR.sdk]], (
        CURE + "the version is another"
    )


def test_the_loop_is_entered_by_execute() -> None:
    assert list(inspect.signature(SearchCommand._execute).parameters) == ["self", "ifile", "process"], CURE
    assert "self._execute(ifile, None)" in inspect.getsource(SearchCommand._process_protocol_v2), (
        CURE + "_process_protocol_v2 no longer calls _execute(ifile, None) after getinfo"
    )
    assert "_execute" in vars(StreamingCommand), CURE + "StreamingCommand no longer overrides _execute"


def test_the_binary_stream_is_found() -> None:
    stream = io.BytesIO(b"x")
    assert SearchCommand._as_binary_stream(stream) is stream, CURE + "_as_binary_stream"


def test_the_record_writer_keeps_messages_metrics_and_state() -> None:
    output = io.BytesIO()
    writer = RecordWriterV2(output)
    assert writer.ofile is output, CURE + "ofile"
    writer.write_message("INFO", "text")
    writer.write_metric("name", (1, 2, 3, 4))
    assert dict(writer._inspector) == {"messages": [("INFO", "text")], "metric.name": (1, 2, 3, 4)}, (
        CURE + "_inspector"
    )
    writer._inspector.clear()
    # What is_flushed is for: finish() writes a last chunk with what is left to say, unless all has been said.
    writer.is_flushed = True
    writer.flush(finished=True)
    assert output.getvalue() == b"", CURE + "is_flushed no longer keeps finish() from writing"
    writer.is_flushed = False
    writer.write_message("ERROR", "last words")
    writer.flush(finished=True)
    metadata = json.loads(output.getvalue().partition(b"\n")[2])
    assert metadata == {"inspector": {"messages": [["ERROR", "last words"]]}, "finished": True}, (
        CURE + "flush"
    )


def test_prepare_comes_before_the_answer_to_getinfo() -> None:
    source = inspect.getsource(SearchCommand._process_protocol_v2)
    assert 0 < source.index("self.prepare()") < source.rindex("write_metadata(self._configuration)"), (
        CURE + "prepare"
    )
    assert "_protocol_v2_option_parser(arg)" in source, CURE + "_protocol_v2_option_parser"


def test_every_chunk_is_read_and_every_error_reported_by_methods_that_can_be_replaced() -> None:
    getinfo = inspect.getsource(SearchCommand._process_protocol_v2)
    assert "metadata, body = self._read_chunk(self._as_binary_stream(ifile))" in getinfo, CURE + "_read_chunk"
    assert getinfo.index("self._read_chunk(") < getinfo.index("self._metadata = deepcopy(metadata)"), (
        CURE + "_metadata is set before the first chunk has been read"
    )
    assert "result = self._read_chunk(istream)" in inspect.getsource(SearchCommand._execute_v2), (
        CURE + "_read_chunk in the loop"
    )
    assert getinfo.count("self._report_unexpected_error()\n") == 3, CURE + "_report_unexpected_error"
    assert ObjectView({"a": 1}).a == 1, CURE + "ObjectView"


def test_no_more_is_asked_of_searchinfo_than_is_checked() -> None:
    sources = map(inspect.getsource, (SearchCommand._process_protocol_v2, SearchCommand._map_input_header))
    asked = set(re.findall(r"\bsearchinfo\.(\w+)", "".join(sources)))
    assert asked == {
        "args",
        "dispatch_dir",
        "earliest_time",
        "latest_time",
        "search",
        "sid",
        "splunk_version",
    }, CURE + "searchinfo; see check_getinfo in bin/tsidsplunk/protocol.py"


def test_the_sdk_asks_its_environment_for_nothing_else_than_the_stand_in_has() -> None:
    folder = Path(splunklib.__file__).parent / "searchcommands"
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py") if path.name != "environment.py")
    asked = set(re.findall(r"\benvironment\.([a-z_]+)\b(?!\s*\()", source)) | {"configure_logging"}
    own = (folder / "environment.py").read_text("utf-8").partition("__all__ = [")[2]
    exported = set(re.findall(r'"(\w+)"', own))
    assert exported == set(environment.__all__), CURE + "what environment exports"
    assert asked & set(vars(environment)) >= {"configure_logging", "splunklib_logger", "splunk_home"}, CURE
    assert {name for name in asked if not hasattr(environment, name)} <= {"get"}, CURE + "environment"
