"""Gemini's streams, whatever the cuts between their bytes."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers.conversation import (
    Begun,
    Stopped,
    TextDelta,
    ThoughtDelta,
    ToolCallBegun,
    ToolCallDelta,
)
from grip.providers.gemini.stream import GeminiDeltas
from grip.providers.port import (
    ChannelFault,
    Report,
    RequestRefused,
)
from tests.providers.gemini_recorded import (
    ADAPTER,
    BLOCKED,
    CALL_CHUNKS,
    OVERLOADED,
    THOUGHT_CHUNKS,
    USAGE,
    as_events,
    completion_of,
    deltas_of,
    upstream_call,
)


def test_a_tool_call_streams_with_its_seal():
    """Google's chunks carry a call whole."""
    assert deltas_of(as_events(*CALL_CHUNKS)) == [
        Begun(id="QHiLaa6LBrb8vdIPoNztsAg", report=Report(input_tokens=29, output_tokens=819)),
        ToolCallBegun(
            index=0,
            id="call_QHiLaa6LBrb8vdIPoNztsAg_0",
            name="weather",
            sealed="EpEgCo4gAb4+9vvW",
        ),
        ToolCallDelta(index=0, arguments='{"location":"San Francisco"}'),
        Stopped(stop="tool", report=Report(input_tokens=29, output_tokens=819)),
    ]


THOUGHT_DELTAS = [
    Begun(id="4HFfavXADZvkkdUP37mD6Q0", report=Report(input_tokens=6, output_tokens=14)),
    ThoughtDelta(text='*   User input: "Reply"\n '),
    ThoughtDelta(text=" Output: “hello”"),
    TextDelta(text="hello"),
    Stopped(stop="end", report=Report(input_tokens=6, output_tokens=77)),
]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_a_stream_is_the_same_cut_at_every_byte(newline: bytes):
    """With each of the three line ends that events may have."""
    whole = as_events(*THOUGHT_CHUNKS, newline=newline)

    assert deltas_of(*[whole[at : at + 1] for at in range(len(whole))]) == THOUGHT_DELTAS
    for at in range(len(whole)):
        assert deltas_of(whole[:at], whole[at:]) == THOUGHT_DELTAS


@given(st.lists(st.integers(min_value=0, max_value=2000), max_size=6))
def test_a_stream_is_the_same_cut_anywhere(cuts: list[int]):
    """However many pieces it comes in."""
    whole = as_events(*THOUGHT_CHUNKS)
    at = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]

    assert deltas_of(*[whole[a:b] for a, b in itertools.pairwise(at)]) == THOUGHT_DELTAS


def test_a_stream_that_ends_without_its_empty_line_has_ended():
    """The last event counts, as long as it is whole."""
    whole = as_events(*THOUGHT_CHUNKS).rstrip()

    assert deltas_of(whole) == THOUGHT_DELTAS


def test_a_stream_that_ends_before_its_reason_was_cut():
    """At every byte before the last event's end."""
    whole = as_events(*THOUGHT_CHUNKS).rstrip()

    for at in range(len(whole)):
        with pytest.raises(ChannelFault) as fault:
            deltas_of(whole[:at])
        assert fault.value.reason == "cut"


@pytest.mark.parametrize("behind", [b"", b"\n", b"\n\n"])
@pytest.mark.parametrize("before", [(), tuple(THOUGHT_CHUNKS[:2]), tuple(THOUGHT_CHUNKS)])
def test_an_error_in_bare_json_takes_the_answer_back(before: tuple[bytes, ...], behind: bytes):
    """Google writes it where an event should stand, even behind the reason to stop."""
    whole = as_events(*before) + OVERLOADED.rstrip() + behind

    for at in range(len(whole)):
        with pytest.raises(ChannelFault, match="overloaded") as fault:
            deltas_of(whole[:at], whole[at:])
        assert fault.value.reason == "error_in_stream"


def test_an_error_event_is_the_channels_fault_and_tells_how_long_to_wait():
    """Quota that ends while a stream runs."""
    error = {
        "code": 429,
        "message": "quota",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "9.5s"}],
    }

    with pytest.raises(ChannelFault, match="quota") as fault:
        deltas_of(as_events(THOUGHT_CHUNKS[0], json.dumps({"error": error}).encode()))

    assert fault.value.reason == "error_in_stream"
    assert fault.value.retry_after_s == 10


@pytest.mark.parametrize("payload", [b"hello", b"{", b'{"candidates":5}', b'{"a":"\xff"}x', b"[1]"])
def test_garbage_in_a_stream_is_the_channels_fault(payload: bytes):
    """Whatever it is that stands in an event."""
    with pytest.raises(ChannelFault) as fault:
        deltas_of(as_events(THOUGHT_CHUNKS[0], payload, *THOUGHT_CHUNKS[1:]))

    assert fault.value.reason == "garbage"


def test_an_event_that_does_not_end_is_given_up():
    """What is kept of it has a limit."""
    reader = GeminiDeltas()
    piece = b"data: " + b"x" * (1024 * 1024)

    with pytest.raises(ChannelFault, match="does not end"):
        for _ in range(20):
            reader.feed(piece)


def test_comments_and_unknown_fields_say_nothing():
    """Nor do events that are empty."""
    whole = b": hi\n\nevent: x\nid: 7\n\n\n\n" + as_events(*THOUGHT_CHUNKS, newline=b"\n")

    assert deltas_of(whole) == THOUGHT_DELTAS


def test_counts_that_come_late_are_the_last_word():
    """An event of nothing but the usage (google-usage-raw-live.chunks.txt)."""
    late = json.dumps({"usageMetadata": USAGE}).encode()

    stopped = deltas_of(as_events(*THOUGHT_CHUNKS, late))[-1]

    assert stopped == Stopped(
        stop="end", report=Report(input_tokens=82, output_tokens=60, cached_input_tokens=3)
    )


def test_events_for_the_client_carry_the_counts_of_their_chunk():
    """So that who leaves half-way pays what was counted by then, and the first names the call."""
    reader = ADAPTER.stream(upstream_call(stream=True))

    thought, text = (
        reader.feed(as_events(chunk)) for chunk in (THOUGHT_CHUNKS[0], THOUGHT_CHUNKS[2])
    )
    assert reader.feed(as_events(THOUGHT_CHUNKS[3])) == []
    (end,) = reader.close()

    assert [event.upstream_id for event in thought] == ["4HFfavXADZvkkdUP37mD6Q0"]
    assert thought[-1].report == Report(input_tokens=6, output_tokens=14)
    assert [event.upstream_id for event in text] == [None]
    assert text[-1].report == Report(input_tokens=6, output_tokens=77)
    assert text[-1].text == "hello"
    assert end.is_end
    assert reader.text(b"data: {}\n\n") == ""


def test_a_count_that_comes_alone_is_told_alone():
    """Whoever leaves before the end is charged by it."""
    reader = ADAPTER.stream(upstream_call(stream=True))
    reader.feed(as_events(THOUGHT_CHUNKS[0]))
    (told,) = reader.feed(as_events(THOUGHT_CHUNKS[3]))

    assert (told.data, told.is_comment) == (b"", True)
    assert told.report == Report(input_tokens=6, output_tokens=77)


def test_no_count_of_output_is_left_open_while_the_answer_goes_on():
    """A first chunk often counts the prompt only (github.com/vercel/ai, issue 5217)."""
    chunk = (
        b'{"candidates": [{"content": {"parts": [{"text": "Okay"}],"role": "model"}}],'
        b'"usageMetadata": {"promptTokenCount": 2304,"totalTokenCount": 2304},'
        b'"modelVersion": "gemini-2.0-flash"}'
    )
    reader = ADAPTER.stream(upstream_call(stream=True))

    assert reader.feed(as_events(chunk))[-1].report == Report(input_tokens=2304)


def test_a_block_half_way_ends_the_answer():
    """What a client has begun to read can no longer be refused."""
    begun = THOUGHT_CHUNKS[2]

    assert isinstance(stopped := deltas_of(as_events(begun, BLOCKED))[-1], Stopped)
    assert stopped.stop == "refusal"


@given(st.binary(max_size=300))
def test_no_bytes_break_the_readers(data: bytes):
    """They raise nothing but the channel's fault, or the refusal of a prompt."""
    for read in (completion_of, deltas_of, lambda raw: deltas_of(as_events(raw))):
        try:
            read(data)
        except (ChannelFault, RequestRefused):
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "candidates": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "content": JSON
                        | st.fixed_dictionaries({"parts": st.lists(JSON, max_size=2)}),
                        "finishReason": JSON,
                    },
                ),
                max_size=2,
            )
            | JSON,
            "promptFeedback": JSON | st.fixed_dictionaries({"blockReason": JSON}),
            "usageMetadata": JSON,
            "responseId": JSON,
            "error": JSON,
        },
    )
)
def test_no_shape_of_answer_breaks_the_readers(body: dict[str, Any]):
    """Members of any type at any place."""
    raw = msgspec.json.encode(body)
    for read in (completion_of, lambda raw: deltas_of(as_events(raw))):
        try:
            read(raw)
        except (ChannelFault, RequestRefused):
            continue
