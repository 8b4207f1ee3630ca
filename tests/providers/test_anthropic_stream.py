"""Reading Anthropic's streams for Anthropic's clients, whatever the cuts between their bytes."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers.anthropic.stream import AnthropicStream
from grip.providers.port import ChannelFault, Report, StreamEvent

Event = tuple[str, dict[str, Any]]

# In the shapes of Claude API reference, "Streaming messages", with extended thinking and tools.
START: Event = (
    "message_start",
    {
        "message": {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "claude-opus-5",
            "stop_reason": None,
            "usage": {
                "input_tokens": 10,
                "cache_read_input_tokens": 30,
                "cache_creation_input_tokens": 5,
                "output_tokens": 1,
                "service_tier": "standard",
            },
        }
    },
)
DELTA = (
    "message_delta",
    {
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 89, "output_tokens_details": {"thinking_tokens": 40}},
    },
)
STOP: Event = ("message_stop", {})
INPUT = Report(input_tokens=45, cached_input_tokens=30, cache_write_tokens=5)


def _block(index: int, **block: Any) -> Event:
    return "content_block_start", {"index": index, "content_block": block}


def _delta(index: int, kind: str, **delta: Any) -> Event:
    return "content_block_delta", {"index": index, "delta": {"type": kind, **delta}}


def _shut(index: int) -> Event:
    return "content_block_stop", {"index": index}


EVENTS = [
    START,
    _block(0, type="thinking", thinking="", signature=""),
    ("ping", {}),
    _delta(0, "thinking_delta", thinking="Let me\n\nsee. "),
    _delta(0, "signature_delta", signature="EqQBCgIYAhIM"),
    _shut(0),
    _block(1, type="text", text=""),
    _delta(1, "text_delta", text="é \U0001f600 "),
    _shut(1),
    _block(2, type="tool_use", id="toolu_01", name="get_weather", input={}),
    _delta(2, "input_json_delta", partial_json=""),
    _delta(2, "input_json_delta", partial_json='{"location": "Paris"}'),
    _shut(2),
    ("something_new", {"delta": {"type": "unheard"}}),
    DELTA,
    STOP,
]
TEXT = 'Let me\n\nsee. é \U0001f600 get_weather{"location": "Paris"}'


def sse(*events: Event, newline: str = "\n") -> bytes:
    """Return the events as Anthropic's servers write them."""
    texts = [
        f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, ensure_ascii=False)}\n\n"
        for kind, members in events
    ]
    return "".join(texts).replace("\n", newline).encode()


def _read(*parts: bytes) -> list[StreamEvent]:
    reader = AnthropicStream()
    events = [event for part in parts for event in reader.feed(part)]
    return events + reader.close()


def _check(events: list[StreamEvent], whole: bytes) -> None:
    assert b"".join(event.data for event in events) == whole
    assert "".join(event.text for event in events) == TEXT
    assert [event.is_end for event in events] == [False] * (len(events) - 1) + [True]
    assert [event.is_comment for event in events].count(True) == 1
    assert [event.upstream_id for event in events if event.upstream_id] == ["msg_01"]
    assert [event.block for event in events if event.block is not None] == [0, -1, 1, -1, 2, -1]
    assert events[-2].report == Report(
        input_tokens=45, output_tokens=89, cached_input_tokens=30, cache_write_tokens=5
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_stream_of_messages_is_the_same_cut_at_every_byte(newline: str):
    """With each of the three line ends that events may have."""
    whole = sse(*EVENTS, newline=newline)
    _check(_read(whole), whole)
    _check(_read(*[whole[at : at + 1] for at in range(len(whole))]), whole)
    for at in range(len(whole)):
        _check(_read(whole[:at], whole[at:]), whole)


@given(st.lists(st.integers(0, 2500), max_size=8))
def test_a_stream_of_messages_is_the_same_cut_anywhere(cuts: list[int]):
    """In as many pieces as chance wants."""
    whole = sse(*EVENTS)
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    _check(_read(*[whole[a:b] for a, b in itertools.pairwise(edges)]), whole)


def test_the_count_of_the_input_stands_while_text_flows():
    """Every event that says something says it again, the output being open."""
    events = [event for event in _read(sse(*EVENTS)) if event.text]

    assert {event.report for event in events} == {INPUT}


@pytest.mark.parametrize(
    ("usage", "report"),
    [
        ({"output_tokens": 7}, Report(input_tokens=45, output_tokens=7, cached_input_tokens=30)),
        (
            {"input_tokens": 20, "cache_read_input_tokens": None, "output_tokens": 7},
            Report(input_tokens=55, output_tokens=7, cached_input_tokens=30),
        ),
        (
            {"input_tokens": 9, "cache_read_input_tokens": 0, "output_tokens": 0},
            Report(input_tokens=14, output_tokens=0),
        ),
        ({"output_tokens": -1}, Report(input_tokens=45, cached_input_tokens=30)),
        ({"output_tokens": True}, Report(input_tokens=45, cached_input_tokens=30)),
        ("many", Report(input_tokens=45, cached_input_tokens=30)),
        (None, Report(input_tokens=45, cached_input_tokens=30)),
    ],
)
def test_the_last_usage_counts_for_what_it_says(usage: Any, report: Report):
    """And the first for the rest; what is no count is not said."""
    last = ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": usage})
    events = _read(sse(START, last, STOP))

    expected = {name: getattr(report, name) for name in report.__struct_fields__}
    assert events[1].report == Report(**{**expected, "cache_write_tokens": 5})


def test_an_output_that_is_counted_at_the_beginning_is_no_last_word():
    """Without another word the output is estimated."""
    events = _read(sse(START, ("message_delta", {"delta": {"stop_reason": "end_turn"}}), STOP))

    assert [event.report for event in events[:2]] == [INPUT, INPUT]


def test_what_comes_after_the_end_is_left_out():
    """`message_stop` is the last event, whatever a server adds."""
    events = _read(sse(START, DELTA, STOP), b"data: [DONE]\n\n", sse(*EVENTS))

    assert len(events) == 3


@pytest.mark.parametrize("left_out", [b"\n", b"\n\n", sse(STOP)])
def test_an_end_that_is_not_all_there_is_mended(left_out: bytes):
    """An upstream that told why it stopped has ended well."""
    whole = sse(START, DELTA, STOP)
    events = _read(whole.removesuffix(left_out))

    assert [event.is_end for event in events] == [False, False, True]
    assert json.loads(events[-1].data.partition(b"data: ")[2]) == {"type": "message_stop"}


@pytest.mark.parametrize("count", range(1, len(EVENTS) - 2))
def test_a_stream_that_stops_without_a_reason_was_cut_off(count: int):
    """Half an answer is none."""
    with pytest.raises(ChannelFault, match="cut"):
        _read(sse(*EVENTS[:count]))


def test_half_an_event_at_the_end_of_a_message_is_a_cut():
    """It is no JSON, for want of its other half."""
    with pytest.raises(ChannelFault, match="cut"):
        _read(sse(*EVENTS)[:-20])


def test_an_error_at_the_end_is_one_without_its_empty_line_too():
    """It is told, rather than that the stream was cut."""
    with pytest.raises(ChannelFault, match=r"error_in_stream: .*Busy"):
        _read(sse(START) + b'event: error\ndata: {"type":"error","error":{"message":"Busy"}}')


@pytest.mark.parametrize(
    "event",
    [
        'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}',
        'data: {"type": "error", "error": {"type": "api_error", "message": "no"}}',
        'data: {"type":"error"}',
        'data: {"error": "no"}',
        'event: error\ndata: {"message": "no"}',
        "event:error\ndata: upstream connect error",
    ],
)
def test_an_error_in_a_stream_of_messages_is_the_channels_fault(event: str):
    """Before the first word as well as after it."""
    reader = AnthropicStream()
    reader.feed(sse(*EVENTS[:8]))

    with pytest.raises(ChannelFault) as fault:
        reader.feed(f"{event}\n\n".encode())
    assert fault.value.reason == "error_in_stream"


@pytest.mark.parametrize(
    "payload",
    [b"{", b"Hello", b"[]", b"7", b'{"delta": 7}', b'{"message": []}', b"[" * 100_000, b"\xff"],
)
def test_what_is_no_event_of_a_message_is_garbage(payload: bytes):
    """Never a failure of grip's own."""
    with pytest.raises(ChannelFault, match="garbage"):
        AnthropicStream().feed(b"data: " + payload + b"\n\n")


def test_an_event_without_an_end_is_garbage():
    """It is not kept for ever."""
    reader = AnthropicStream()
    with pytest.raises(ChannelFault, match="does not end"):
        for _ in range(10):
            reader.feed(b"x" * 1024 * 1024)


def test_parts_of_unexpected_types_go_through():
    """They say nothing, and spoil nothing."""
    odd: list[Event] = [
        ("message_start", {}),
        ("message_start", {"message": {"id": 7, "usage": []}}),
        (
            "content_block_start",
            {"index": "a", "content_block": {"text": 7, "name": [], "input": 1}},
        ),
        ("content_block_delta", {"index": None}),
        ("content_block_delta", {"delta": {"text": 7, "partial_json": {}, "thinking": None}}),
        ("content_block_delta", {"delta": {"type": "citations_delta", "citation": {"x": "y"}}}),
        ("message_delta", {"delta": {"stop_reason": 7}, "usage": {"input_tokens": "x"}}),
    ]
    events = AnthropicStream().feed(sse(*odd))

    assert b"".join(event.data for event in events) == sse(*odd)
    assert "".join(event.text for event in events) == ""


def test_invalid_bytes_where_nothing_is_read_go_through():
    """Byte for byte."""
    event = b'event: ping\ndata: {"type": "ping", "x": "\xff"}\n\n'

    assert AnthropicStream().feed(event)[0].data == event


@given(st.binary(max_size=200), st.integers(0, 2500), st.integers(0, 20))
def test_a_stream_that_is_torn_never_fails_but_as_the_channels_fault(
    junk: bytes, at: int, lost: int
):
    """Whatever stands in it, and wherever."""
    whole = sse(*EVENTS)
    try:
        events = _read(whole[:at] + junk + whole[at + lost :])
    except ChannelFault:
        return
    assert events[-1].is_end


def test_half_a_surrogate_pair_in_a_delta_is_text():
    """Models cut emoji in two."""
    event = (
        b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a\\ud83d"}}\n\n'
    )
    (read,) = AnthropicStream().feed(event)

    assert (read.data, read.text) == (event, "a\ufffd")


def test_no_event_goes_through_unread():
    """So there is nothing to be read later."""
    assert AnthropicStream().text(sse(*EVENTS)) == ""
    assert all(event.unread == 0 for event in _read(sse(*EVENTS)))
