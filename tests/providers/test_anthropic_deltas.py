"""Anthropic's streams for clients of other wires."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers.anthropic import AnthropicAdapter
from grip.providers.conversation import Begun, Stopped, TextDelta, ToolCallDelta
from grip.providers.port import ChannelFault, Report, StreamEvent, StreamReader
from tests.providers.anthropic_answers import (
    ADAPTER,
    BLOCKS,
    DELTAS,
    EVENTS,
    INPUT,
    ODD,
    REPORT,
    Wire,
    call,
    deltas,
    sse,
)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_deltas_are_the_same_cut_at_every_byte(newline: str):
    """With each of the three line ends that events may have."""
    whole = sse(*EVENTS).replace(b"\n", newline.encode())

    assert deltas(whole) == DELTAS
    assert deltas(*[whole[at : at + 1] for at in range(len(whole))]) == DELTAS
    for at in range(len(whole)):
        assert deltas(whole[:at], whole[at:]) == DELTAS


@given(st.lists(st.integers(0, 2500), max_size=8))
def test_deltas_are_the_same_cut_anywhere(cuts: list[int]):
    """In as many pieces as chance wants."""
    whole = sse(*EVENTS)
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]

    assert deltas(*[whole[a:b] for a, b in itertools.pairwise(edges)]) == DELTAS


@pytest.mark.parametrize("count", range(1, len(EVENTS) - 2))
def test_deltas_that_stop_without_a_reason_were_cut_off(count: int):
    """Half an answer is none."""
    with pytest.raises(ChannelFault, match="cut"):
        deltas(sse(*EVENTS[:count]))


def test_a_stream_that_told_why_it_stopped_needs_no_end():
    """It is complete."""
    assert deltas(sse(*EVENTS[:-1])) == DELTAS


def test_a_stream_without_a_beginning_gets_one():
    """Clients wait for it."""
    assert deltas(sse(*EVENTS[9:10], *EVENTS[-2:])) == [
        Begun(id=None),
        TextDelta(text="é \U0001f600"),
        Stopped(stop="tool", report=Report(output_tokens=89)),
    ]


def test_a_block_may_be_all_there_at_its_beginning():
    """As some upstreams send it."""
    starts = [
        {"type": "content_block_start", "index": at, "content_block": block}
        for at, block in enumerate(BLOCKS)
    ]
    stops = [{"type": "content_block_stop", "index": at} for at in range(len(BLOCKS))]
    found = deltas(sse(EVENTS[0], *starts, *stops, *EVENTS[-2:]))

    assert found[1:5] == DELTAS[1:5]
    assert [delta for delta in found if isinstance(delta, ToolCallDelta)] == [
        ToolCallDelta(index=0, arguments='{"at": "Paris"}'),
        ToolCallDelta(index=1, arguments="{}"),
    ]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"type": "content_block_start", "index": 0},
        {"type": "content_block_start", "index": [], "content_block": BLOCKS[3]},
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "audio_delta"}},
        {
            "type": "content_block_delta",
            "index": 9,
            "delta": {"type": "input_json_delta", "partial_json": "{"},
        },
        {
            "type": "content_block_delta",
            "index": {},
            "delta": {"type": "input_json_delta", "partial_json": "{"},
        },
    ],
)
def test_what_no_client_can_be_told_is_the_channels_fault(event: dict[str, Any]):
    """An error, or content that is none."""
    with pytest.raises(ChannelFault):
        deltas(sse(EVENTS[0], event))


@given(st.binary(max_size=200), st.integers(0, 2500), st.integers(0, 20))
def test_a_torn_stream_of_deltas_never_fails_but_as_the_channels_fault(
    junk: bytes, at: int, lost: int
):
    """Whatever stands in it, and wherever."""
    whole = sse(*EVENTS)
    try:
        found = deltas(whole[:at] + junk + whole[at + lost :])
    except ChannelFault:
        return
    assert isinstance(found[0], Begun)
    assert isinstance(found[-1], Stopped)


@given(st.sampled_from(EVENTS), ODD)
def test_an_event_of_any_members_is_read_or_the_channels_fault(
    event: dict[str, Any], odd: dict[str, Any]
):
    """Never a failure of grip's own."""
    reader = ADAPTER.stream(call(stream=True))
    reader.feed(sse(EVENTS[0]))
    data = b"data: " + json.dumps({**event, **odd}).encode() + b"\n\n"
    try:
        reader.feed(data)
    except ChannelFault:
        return


def _translated(*parts: bytes) -> tuple[StreamReader, list[StreamEvent]]:
    adapter = AnthropicAdapter({"/chat/completions": Wire()})
    reader = adapter.stream(call(stream=True))
    return reader, [*(event for part in parts for event in reader.feed(part)), *reader.close()]


def test_a_translated_stream_is_what_the_clients_wire_writes():
    """The count of the input goes with all that is generated."""
    reader, events = _translated(sse(*EVENTS))

    assert [event.data.decode() for event in events] == [type(each).__name__ for each in DELTAS]
    assert [event.report for event in events if event.text] == [INPUT]
    assert events[-1].is_end
    assert reader.text(b"any") == ""


def test_a_count_is_told_before_the_end_of_a_translated_stream():
    """Whoever leaves in between is charged by it; one that more text follows is forgotten."""
    reader = AnthropicAdapter({"/chat/completions": Wire()}).stream(call(stream=True))
    reader.feed(sse(EVENTS[0]))
    (told,) = reader.feed(sse(EVENTS[-2]))
    again = reader.feed(sse(*EVENTS[8:10]))

    assert (told.data, told.report, told.is_comment) == (b"", REPORT, True)
    assert {event.report for event in again if event.text} == {INPUT}
    assert reader.feed(sse(EVENTS[-1]))[-1].is_end


def test_a_translated_stream_that_counts_nothing_reports_nothing():
    """It is estimated."""
    start = {"type": "message_start", "message": {"id": "msg_01"}}
    _, events = _translated(sse(start, *EVENTS[8:10], *EVENTS[-2:]))

    assert {event.report for event in events} == {None}
