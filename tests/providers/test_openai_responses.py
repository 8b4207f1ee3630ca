"""The Responses API: streams of typed events, whatever the cuts, and whole answers."""

import json
from typing import Any

import pytest

from grip.providers.json_object import JsonObject
from grip.providers.openai import OpenAIAdapter
from grip.providers.openai.responses import ResponsesStream
from grip.providers.port import Answer, ChannelFault, Report, StreamEvent, UpstreamCall

# The example of OpenAI's API reference (openai/openai-openapi, openapi.yaml, createResponse), its
# response shortened, and its usage with the details of openai-python's ResponseUsage.
ID = "resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654"
MESSAGE = {
    "id": "msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hi there! \U0001f600", "annotations": []}],
}
USAGE = {
    "input_tokens": 37,
    "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 6},
    "output_tokens": 11,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 48,
}
BEGUN: dict[str, Any] = {
    "id": ID,
    "object": "response",
    "status": "in_progress",
    "error": None,
    "output": [],
}
DONE = BEGUN | {"status": "completed", "output": [MESSAGE], "usage": USAGE}
PLACE = {"item_id": MESSAGE["id"], "output_index": 0, "content_index": 0}
EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": BEGUN, "sequence_number": 0},
    {"type": "response.in_progress", "response": BEGUN},
    {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE | {"content": []}},
    {"type": "response.content_part.added", **PLACE, "part": {"type": "output_text", "text": ""}},
    {"type": "response.output_text.delta", **PLACE, "delta": "Hi "},
    {"type": "response.output_text.delta", **PLACE, "delta": "there! \U0001f600", "logprobs": []},
    {"type": "response.output_text.done", **PLACE, "text": "Hi there! \U0001f600"},
    {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
    {"type": "response.completed", "response": DONE},
]
REPORT = Report(input_tokens=37, output_tokens=11, cached_input_tokens=5, cache_write_tokens=6)


def _wire(events: list[dict[str, Any]], newline: str = "\n") -> bytes:
    written = [
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        for event in events
    ]
    return "".join(written).replace("\n", newline).encode()


def _read(*parts: bytes) -> list[StreamEvent]:
    reader = ResponsesStream()
    return [event for part in parts for event in reader.feed(part)] + reader.close()


def _check(events: list[StreamEvent], whole: bytes) -> None:
    assert b"".join(event.data for event in events) == whole
    assert "".join(event.text for event in events) == "Hi there! \U0001f600"
    assert [event.is_end for event in events] == [False] * 8 + [True]
    assert events[-1].report == REPORT
    assert {event.upstream_id for event in events} == {ID}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_stream_is_the_same_cut_at_every_byte(newline: str):
    """Its bytes go through, and its last event tells the usage."""
    whole = _wire(EVENTS, newline)
    _check(_read(whole), whole)
    _check(_read(*[whole[at : at + 1] for at in range(len(whole))]), whole)
    for at in range(len(whole)):
        _check(_read(whole[:at], whole[at:]), whole)


def test_what_is_said_before_any_work_is_no_sign_of_success():
    """A channel that fails after it can still be left for another one."""
    events = ResponsesStream().feed(_wire(EVENTS[:3]))

    assert [event.is_comment for event in events] == [True, True, False]
    assert events[0].upstream_id == ID


FAILED = BEGUN | {"status": "failed", "error": {"code": "server_error", "message": "no"}}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.failed", "response": FAILED},
        {"type": "error", "code": "ERR", "message": "no", "param": None, "sequence_number": 1},
        {"type": "error", "error": {"type": "server_error", "message": "no"}},
        {"error": {"message": "no"}},
        {"type": "response.completed", "response": FAILED},
    ],
)
@pytest.mark.parametrize("before", [0, 2, 6])
def test_a_failure_in_the_stream_is_the_channels_fault(event: dict[str, Any], before: int):
    """Wherever it stands."""
    reader = ResponsesStream()
    reader.feed(_wire(EVENTS[:before]))
    with pytest.raises(ChannelFault, match="error_in_stream"):
        reader.feed(f"data: {json.dumps(event)}\n\n".encode())


@pytest.mark.parametrize("count", range(len(EVENTS)))
@pytest.mark.parametrize("after", [b"", b"data: [DONE]\n\n", b": a comment\n\n"])
def test_a_stream_without_its_last_event_was_cut(count: int, after: bytes):
    """Also where a server adds the end of another API."""
    with pytest.raises(ChannelFault, match="cut"):
        _read(_wire(EVENTS[:count]) + after)


def test_a_last_event_without_its_empty_line_counts():
    """Its bytes get the line that they lack."""
    whole = _wire(EVENTS)

    _check(_read(whole[:-2]), whole)


def test_nothing_comes_after_the_end():
    """Some servers add one more."""
    whole = _wire(EVENTS)

    _check(_read(whole + b"data: [DONE]\n\n"), whole)


def test_an_answer_at_its_limit_is_one():
    """It is charged like any other."""
    response = DONE | {"status": "incomplete", "incomplete_details": {"reason": "max_tokens"}}
    events = _read(_wire([*EVENTS[:6], {"type": "response.incomplete", "response": response}]))

    assert (events[-1].is_end, events[-1].report) == (True, REPORT)


@pytest.mark.parametrize(
    "kind",
    [
        "response.reasoning_text.delta",
        "response.reasoning_summary_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.mcp_call_arguments.delta",
        "response.code_interpreter_call_code.delta",
        "response.shell_call_command.delta",
        "response.audio.transcript.delta",
        "response.something_new.delta",
    ],
)
def test_everything_generated_is_text(kind: str):
    """Whatever it is for."""
    (event,) = ResponsesStream().feed(_wire([{"type": kind, "output_index": 1, "delta": "abc"}]))

    assert event.text == "abc"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.audio.delta", "delta": "UklGRg=="},
        {"type": "response.shell_call_output_content.delta", "delta": {"stdout": "x"}},
        {"type": "response.image_generation_call.partial_image", "partial_image_b64": "iVBOR"},
        {"type": "response.web_search_call.searching", "output_index": 0},
        {"type": "response.something_new", "x": [1]},
        {"type": "response.output_text.delta", "delta": 7, "output_index": []},
    ],
)
def test_what_is_no_text_is_not_counted_as_text(event: dict[str, Any]):
    """Nor does it stop the stream."""
    (read,) = ResponsesStream().feed(_wire([event]))

    assert read.text == ""


def test_an_item_that_came_without_deltas_is_text_when_it_is_done():
    """And only then: no word counts twice."""
    call = {"type": "function_call", "name": "f", "arguments": '{"a":1}', "call_id": "c"}
    events = [
        {"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"},
        {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
        {"type": "response.output_item.done", "output_index": 1, "item": call},
    ]

    assert [event.text for event in ResponsesStream().feed(_wire(events))] == [
        "Hi",
        "",
        '{"a":1}f',
    ]


def test_a_response_that_came_all_at_once_is_text_at_its_end():
    """Where there is no usage, an estimate is made from it."""
    silent = {name: value for name, value in DONE.items() if name != "usage"}
    (event,) = _read(_wire([{"type": "response.completed", "response": silent}]))

    assert (event.text, event.report) == ("Hi there! \U0001f600", Report())


@pytest.mark.parametrize(
    "payload",
    [
        "{",
        "Hello",
        "[]",
        "7",
        "{}",
        '{"type": 7}',
        '{"type": []}',
        '{"choices": []}',
        "[" * 100_000,
        '{"type":"response.completed","response":[]}',
        '{"type":"response.created","response":7}',
    ],
)
def test_what_is_no_event_of_this_api_is_garbage(payload: str):
    """Never a failure of grip's own."""
    with pytest.raises(ChannelFault, match="garbage"):
        ResponsesStream().feed(f"data: {payload}\n\n".encode())


def test_bytes_that_are_no_text_are_garbage():
    """They cannot be JSON."""
    with pytest.raises(ChannelFault, match="garbage"):
        ResponsesStream().feed(b'data: {"type":"response.output_text.delta","delta":"\xff"}\n\n')


def test_half_an_emoji_is_text():
    """Models cut them in two."""
    (event,) = ResponsesStream().feed(
        b'data: {"type":"response.output_text.delta","delta":"\\ud83d"}\n\n'
    )

    assert event.text == "�"


def test_a_picture_in_an_event_is_an_event():
    """It is larger than any text."""
    picture = {"type": "response.image_generation_call.partial_image", "b64": "x" * 12_000_000}
    whole = _wire([picture])
    reader = ResponsesStream()
    events = [
        event
        for at in range(0, len(whole), 65_536)
        for event in reader.feed(whole[at : at + 65_536])
    ]

    assert [event.data for event in events] == [whole]


def _answer(body: Any) -> Answer:
    call = UpstreamCall(
        path="/responses",
        body=JsonObject(b'{"model":"m"}'),
        model="m",
        stream=False,
        ask_usage=False,
    )
    return OpenAIAdapter().answer(call, json.dumps(body).encode())


def test_a_whole_response_says_its_text_and_usage():
    """Of messages, thoughts, refusals and calls."""
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm. "}]},
        MESSAGE,
        {"type": "message", "content": [{"type": "refusal", "refusal": " No."}]},
        {"type": "function_call", "arguments": "{}", "name": "f", "call_id": "c"},
        {"type": "image_generation_call", "result": "iVBOR"},
        7,
    ]
    answer = _answer(DONE | {"output": output})

    assert answer.text == "Hm. Hi there! \U0001f600 No.{}f"
    assert (answer.report, answer.upstream_id) == (REPORT, ID)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "failed", "error": {"code": "server_error"}}, "error_in_answer"),
        ({"status": "failed"}, "error_in_answer"),
        ({"status": "cancelled"}, "error_in_answer"),
        ({"status": "queued"}, "garbage"),
        ({"status": "in_progress"}, "garbage"),
        ({"output": None}, "garbage"),
        ({"output": {}}, "garbage"),
    ],
)
def test_a_response_that_is_not_complete_is_the_channels_fault(
    changes: dict[str, Any], reason: str
):
    """Nobody waits for what runs in the background."""
    with pytest.raises(ChannelFault, match=reason):
        _answer(DONE | changes)


def test_a_response_at_its_limit_is_an_answer():
    """What was generated is there, and counted."""
    assert _answer(DONE | {"status": "incomplete"}).report == REPORT


@pytest.mark.parametrize(
    ("usage", "report"),
    [
        (None, Report()),
        ("many", Report()),
        ({}, Report()),
        ({"input_tokens": -1, "output_tokens": True}, Report()),
        ({"input_tokens": 10**9, "output_tokens": 2}, Report(output_tokens=2)),
        (
            {"input_tokens": 1, "output_tokens": 2, "input_tokens_details": 7},
            Report(input_tokens=1, output_tokens=2),
        ),
    ],
)
def test_a_report_is_what_makes_sense_of_the_usage(usage: Any, report: Report):
    """What does not counts as not said."""
    assert _answer(DONE | {"usage": usage}).report == report
