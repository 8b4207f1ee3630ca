"""Reading OpenAI's streams, whatever the cuts between their bytes."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers.openai.stream import OpenAIStream
from grip.providers.port import ChannelFault, Report, StreamEvent

TEXTS = ["Hel", "lo\n\nthere", "é\\u00e9 \U0001f600", ""]
CHUNKS = [
    json.dumps({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]}, indent=None)
    for text in TEXTS
]
FINISH = '{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
USAGE = '{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
EVENTS = [
    ": a comment",
    *[f"data: {chunk}" for chunk in CHUNKS],
    f"event: message\nid: 7\ndata: {FINISH}",
    f"data:{USAGE}",
    "data: [DONE]",
]


def _stream(newline: str) -> bytes:
    return "".join(f"{event}\n\n".replace("\n", newline) for event in EVENTS).encode()


def _read(*parts: bytes) -> list[StreamEvent]:
    reader = OpenAIStream()
    events = [event for part in parts for event in reader.feed(part)]
    return events + reader.close()


def _text(event: StreamEvent) -> str:
    return OpenAIStream().text(event.data) if event.unread else event.text


def _check(events: list[StreamEvent], whole: bytes) -> None:
    assert b"".join(event.data for event in events) == whole
    assert "".join(map(_text, events)) == "".join(TEXTS)
    (usage,) = [event for event in events if event.is_usage]
    assert usage.report == Report(input_tokens=3, output_tokens=4)
    assert json.loads(usage.payload) == json.loads(USAGE)
    assert [event.is_end for event in events] == [False] * (len(events) - 1) + [True]
    assert {event.upstream_id for event in events} == {None, "c"}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_stream_is_the_same_cut_at_every_byte(newline: str):
    """With each of the three line ends that events may have."""
    whole = _stream(newline)
    _check(_read(whole), whole)
    _check(_read(*[whole[at : at + 1] for at in range(len(whole))]), whole)
    for at in range(len(whole)):
        _check(_read(whole[:at], whole[at:]), whole)


@given(st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 700), max_size=8))
def test_a_stream_is_the_same_cut_anywhere(newline: str, cuts: list[int]):
    """In as many pieces as chance wants."""
    whole = _stream(newline)
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    _check(_read(*[whole[a:b] for a, b in itertools.pairwise(edges)]), whole)


def test_a_last_event_without_its_empty_line_counts():
    """Its bytes get the line that they lack."""
    events = _read(f"data: {FINISH}\n\ndata: [DONE]".encode())

    assert [event.is_end for event in events] == [False, True]
    assert events[-1].data == b"data: [DONE]\n\n"


def test_a_stream_that_told_why_it_stopped_has_ended():
    """The end that clients wait for is added."""
    events = _read(f"data: {FINISH}\n\n".encode())

    assert (events[-1].is_end, events[-1].data) == (True, b"data: [DONE]\n\n")


@pytest.mark.parametrize("text", ["", ": hi\n\n", f"data: {CHUNKS[0]}\n\n", f"data: {USAGE}\n\n"])
def test_a_stream_that_stops_without_a_reason_was_cut(text: str):
    """Half an answer is none."""
    with pytest.raises(ChannelFault, match="cut"):
        _read(text.encode())


def test_half_an_event_at_the_end_is_a_fault():
    """It is no JSON."""
    with pytest.raises(ChannelFault, match="garbage"):
        _read(f"data: {FINISH}\n\ndata: {USAGE[:20]}".encode())


@pytest.mark.parametrize(
    "event",
    [
        'data: {"error": {"message": "no"}}',
        'data: {"error": "no"}',
        'event: error\ndata: {"error": {"message": "no"}}',
        'event: error\ndata: {"message": "no"}',
        "event:error\r\ndata: overloaded",
    ],
)
def test_an_error_in_the_stream_is_the_channels_fault(event: str):
    """In any shape that servers send it in."""
    with pytest.raises(ChannelFault):
        OpenAIStream().feed(f"{event}\n\n".replace("\r\n\n", "\r\n\r\n").encode())


@pytest.mark.parametrize(
    "payload", ["{", "Hello", "[]", "7", '{"choices": 7}', "[" * 100_000, '"\\ud800"']
)
def test_what_is_no_chunk_is_garbage(payload: str):
    """Never a failure of grip's own."""
    with pytest.raises(ChannelFault, match="garbage"):
        OpenAIStream().feed(f"data: {payload}\n\n".encode())


def test_an_event_that_never_ends_is_garbage():
    """Rather than kept for ever."""
    reader = OpenAIStream()
    with pytest.raises(ChannelFault, match="garbage"):
        for _ in range(100):
            reader.feed(b"x" * 1024 * 1024)


def test_a_very_large_event_is_an_event():
    """A picture in base64, say."""
    chunk = CHUNKS[0].replace("Hel", "x" * 4_000_000)
    events = OpenAIStream().feed(f"data: {chunk}\n\n".encode())

    assert len(events[0].text) == 4_000_000


def test_half_an_emoji_is_text():
    """Models cut them in two, and some servers write the halves as escapes."""
    (event,) = OpenAIStream().feed(
        b'data: {"choices":[{"delta":{"content":"\\\\\\ud83d"}}],"x":"\\ud83d\\ude00"}\n\n'
    )

    assert event.text == "\\�"


def test_what_is_not_text_in_a_call_does_not_stop_the_stream():
    """It is only looked at to be counted."""
    (event,) = OpenAIStream().feed(
        b'data: {"choices":[{"delta":{"tool_calls":[{"a":"\xff"}]}}]}\n\n'
    )

    assert event.text


def test_usage_within_a_chunk_of_text_is_a_report_and_goes_through():
    """Some servers have no chunk of its own for it."""
    chunk = CHUNKS[0][:-1] + ',"usage":{"prompt_tokens":1,"completion_tokens":2}}'
    (event,) = OpenAIStream().feed(f"data: {chunk}\n\n".encode())

    assert (event.is_usage, event.text) == (False, TEXTS[0])
    assert event.report == Report(input_tokens=1, output_tokens=2)


def test_text_that_flows_goes_through_unread():
    """From the first text on, as many events at once as arrive together; they can be read later."""
    reader = OpenAIStream()
    (first,) = reader.feed(f"data: {CHUNKS[0]}\n\n".encode())
    flowing = "".join(f"data: {chunk}\n\n" for chunk in CHUNKS[1:]).encode()
    (rest,) = reader.feed(flowing)

    assert (first.unread, first.text) == (0, "Hel")
    assert (rest.unread, rest.text, rest.data) == (3, "", flowing)
    assert reader.text(rest.data) == "".join(TEXTS[1:])


@pytest.mark.parametrize(
    "event",
    [
        f"data: {FINISH}",
        f"data: {USAGE}",
        "data: [DONE]",
        ": a comment",
        'data: {"error":{"message":"no"}}',
        f'data: {CHUNKS[0][:-1]}, "usage": {{"prompt_tokens": 1}}}}',
        f"event: error\ndata: {CHUNKS[0]}",
        f"data: {CHUNKS[0]}\nevent: error",
        f"data: {CHUNKS[0]}\nid: 7",
        f"data:{CHUNKS[0]}",
        f"data: {CHUNKS[0]}\r",
        "data: []",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_whatever_may_be_more_than_text_is_read(event: str, place: int):
    """Wherever it stands among events that flow."""
    events = [f"data: {chunk}" for chunk in CHUNKS[:2]]
    events.insert(place, event)
    reader = OpenAIStream()
    reader.feed(f"data: {CHUNKS[0]}\n\n".encode())
    try:
        read = reader.feed("".join(f"{one}\n\n" for one in events).encode())
    except ChannelFault:
        return

    (itself,) = [one for one in read if event.encode() in one.data and not one.unread]
    assert itself.data == f"{event}\n\n".encode()
    assert "".join(map(_text, read)).startswith("".join(TEXTS[:place]))


def test_what_comes_behind_a_count_is_read():
    """An event without text must not make the count look as if it had not been the last word."""
    reader = OpenAIStream()
    reader.feed(f"data: {CHUNKS[0]}\n\ndata: {USAGE}\n\n".encode())
    (event,) = reader.feed(b'data: {"type":"ping"}\n\n')

    assert (event.unread, event.text) == (0, "")


@pytest.mark.parametrize("nothing", ['"usage":null', '"usage": null'])
def test_a_usage_of_nothing_in_every_chunk_is_no_reason_to_read_it(nothing: str):
    """OpenAI sends one in each."""
    reader = OpenAIStream()
    chunk = f"{CHUNKS[0][:-1]},{nothing}}}"
    reader.feed(f"data: {chunk}\n\n".encode())
    (event,) = reader.feed(f"data: {chunk}\n\n".encode())

    assert event.unread == 1


def test_what_went_through_unread_and_is_no_json_counts_as_text():
    """It has been generated, whatever it is."""
    assert OpenAIStream().text(b'data: {"x":}\n\n') == '{"x":}'
