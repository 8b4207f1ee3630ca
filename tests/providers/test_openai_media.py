"""Images and audio on OpenAI's wire: answers told from errors, streams however they are cut."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers.json_object import JsonObject
from grip.providers.openai import OpenAIAdapter
from grip.providers.port import Answer, ChannelFault, Report, StreamEvent, Target, UpstreamCall

ADAPTER = OpenAIAdapter()
TARGET = Target(base_url="http://u/v1", secret="s")
IMAGES = "/images/generations"
HEARD = "/audio/transcriptions"
SPEECH = "/audio/speech"

# The examples of OpenAI's API reference (openai/openai-openapi, openapi.yaml).
IMAGE_USAGE = {
    "total_tokens": 100,
    "input_tokens": 50,
    "output_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
}
IMAGE_ANSWER = {
    "created": 1713833628,
    "data": [{"b64_json": "..."}],
    "background": "transparent",
    "output_format": "png",
    "size": "1024x1024",
    "quality": "high",
    "usage": IMAGE_USAGE,
}
TRANSCRIPT = {
    "text": "Imagine the wildest idea that you've ever had.",
    "usage": {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 10, "audio_tokens": 4},
        "output_tokens": 101,
        "total_tokens": 115,
    },
}
VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 8.470000267028809,
    "text": "The beach was a popular spot on a hot summer day.",
    "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": 3.319999933242798}],
    "usage": {"type": "duration", "seconds": 9},
}
PREVIEW = {"type": "image_generation.partial_image", "b64_json": "...", "partial_image_index": 0}
PICTURE = {"type": "image_generation.completed", "b64_json": "...", "usage": IMAGE_USAGE}
SRT = b"1\n00:00:00,000 --> 00:00:03,320\nThe beach was a popular spot\n"


def _call(path: str, *, stream: bool = False) -> UpstreamCall:
    body = JsonObject(b'{"model":"m"}')
    return UpstreamCall(path=path, body=body, model="m", stream=stream, ask_usage=stream)


def _answer(path: str, body: Any, kind: str = "application/json") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ADAPTER.answer(_call(path), raw, kind)


def _events(*payloads: Any) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), json.dumps(payload).encode())
        for payload in payloads
    )


def _read(path: str, data: bytes, cuts: Sequence[int] = ()) -> list[StreamEvent]:
    """Read a stream that comes cut at these places, to its end."""
    reader = ADAPTER.stream(_call(path, stream=True))
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    found: list[StreamEvent] = []
    for start, stop in itertools.pairwise(edges):
        found += reader.feed(data[start:stop])
    return found if found and found[-1].is_end else found + reader.close()


def test_an_answer_of_images_is_counted_and_not_looked_into():
    """By its pictures and by its tokens."""
    answer = _answer(IMAGES, IMAGE_ANSWER | {"data": [{"url": "u"}, {"b64_json": "x"}]})

    assert answer.report == Report(input_tokens=50, output_tokens=50, images=2)
    assert answer.text == ""


@pytest.mark.parametrize(
    ("body", "report"),
    [
        (TRANSCRIPT, Report(input_tokens=14, output_tokens=101)),
        (VERBOSE, Report(seconds=9)),
        (VERBOSE | {"usage": None}, Report(seconds=9)),
        ({"text": "x", "duration": "8.5"}, Report(seconds=9)),
        ({"text": "x", "duration": "long"}, Report()),
        ({"text": "x", "duration": -1}, Report()),
        ({"text": "x", "duration": 1e300}, Report()),
        ({"text": "x", "duration": True}, Report()),
        ({"text": "", "usage": {"type": "duration", "seconds": 0}}, Report(seconds=0)),
        (SRT, Report()),
    ],
    ids=range(10),
)
def test_a_transcript_tells_its_use_in_tokens_or_seconds(body: Any, report: Report):
    """Begun seconds are whole; what is no length counts as not told."""
    assert _answer(HEARD, body).report == report


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (IMAGES, {"created": 1}, "application/json"),
        (IMAGES, {"data": "x"}, "application/json"),
        (IMAGES, {"error": {"message": "no"}, "data": []}, "application/json"),
        (HEARD, {"usage": {}}, "application/json"),
        (HEARD, {"error": {"message": "no"}}, "text/plain"),
        (HEARD, b"<html>", "text/html"),
        (HEARD, b"\xff\xfe", "text/plain"),
        (SPEECH, {"error": {"message": "no"}}, "application/json"),
        (SPEECH, b"<html>", "text/html"),
        (SPEECH, b"", "audio/mpeg"),
    ],
    ids=range(10),
)
def test_what_is_no_success_of_its_route_is_the_channels_fault(path: str, body: Any, kind: str):
    """Whatever its status says."""
    with pytest.raises(ChannelFault):
        _answer(path, body, kind)


def test_sound_keeps_its_type():
    """And has one of its own where the upstream names none."""
    assert _answer(SPEECH, b"\xff\xf3", "audio/opus").content_type == "audio/opus"
    assert _answer(SPEECH, b"\xff\xf3", "").content_type == "application/octet-stream"


@given(st.lists(st.integers(min_value=0, max_value=3_000), max_size=5))
def test_a_stream_of_pictures_is_the_same_however_it_is_cut(cuts: list[int]):
    """Each finished picture is kept back until another event follows; the last one is the end."""
    data = _events(PREVIEW, PICTURE, PREVIEW, PICTURE)
    found = _read(IMAGES, data, cuts)

    assert b"".join(event.data for event in found) == data
    assert [event.is_end for event in found if event.data] == [False, False, False, True]
    assert found[-1].report == Report(input_tokens=100, output_tokens=100, images=2)


def test_chats_end_after_a_picture_is_part_of_the_end():
    """Some servers send one; a comment that they wait with goes along too."""
    data = _events(PICTURE) + b": waiting\n\ndata: [DONE]\n\n"
    *_, end = _read(IMAGES, data)

    assert (end.data, end.is_end) == (data, True)


def test_what_has_come_of_a_picture_is_told_at_once():
    """A client may leave before it is done, or while it is kept back."""
    reader = ADAPTER.stream(_call(IMAGES, stream=True))
    told = [
        reader.feed(_events(payload))[-1].report for payload in (PREVIEW, PICTURE, PREVIEW, PICTURE)
    ]

    assert told == [
        Report(images=0, begun=1),
        Report(input_tokens=50, output_tokens=50, images=1),
        Report(input_tokens=50, output_tokens=50, images=1, begun=1),
        Report(input_tokens=100, output_tokens=100, images=2),
    ]


def test_speech_that_has_begun_says_so():
    """By a report without counts: there is more to be charged than what was sent."""
    (delta,) = ADAPTER.stream(_call(SPEECH, stream=True)).feed(
        _events({"type": "speech.audio.delta", "audio": "AAAA"})
    )

    assert delta.report == Report()


def test_one_picture_that_does_not_tell_leaves_the_sum_unknown():
    """The images are counted all the same."""
    found = _read(IMAGES, _events(PICTURE, PICTURE | {"usage": None}))

    assert found[-1].report == Report(images=2)


@given(st.lists(st.integers(min_value=0, max_value=3_000), max_size=5))
def test_a_stream_of_a_transcript_is_the_same_however_it_is_cut(cuts: list[int]):
    """What comes after its end is left out."""
    delta = {"type": "transcript.text.delta", "delta": "Hi"}
    data = _events(delta, delta, {"type": "transcript.text.done", "usage": TRANSCRIPT["usage"]})
    found = _read(HEARD, data + b"data: [DONE]\n\n", cuts)

    assert b"".join(event.data for event in found) == data
    assert "".join(event.text for event in found) == "HiHi"
    assert found[-1].report == Report(input_tokens=14, output_tokens=101)
    assert found[-1].is_end


@pytest.mark.parametrize("path", [IMAGES, HEARD, SPEECH])
@pytest.mark.parametrize(
    "data",
    [
        _events({"type": "error", "error": {"message": "no"}}),
        _events({"type": "image_generation.failed"}),
        b'data: {"delta":"x"}\n\n',
        b"data: nonsense\n\n",
        _events(PREVIEW),
        b"",
    ],
    ids=range(6),
)
def test_a_stream_without_a_good_end_is_a_fault(path: str, data: bytes):
    """An error in it, what is no event, and one that just stops."""
    with pytest.raises(ChannelFault):
        _read(path, data)


@pytest.mark.parametrize(
    ("path", "stream", "accept"),
    [
        (SPEECH, False, "*/*"),
        (HEARD, False, "*/*"),
        (IMAGES, False, "application/json"),
        (SPEECH, True, "text/event-stream"),
    ],
)
def test_the_request_says_what_may_come_back(path: str, *, stream: bool, accept: str):
    """Sound and plain text are no JSON."""
    request = ADAPTER.request(_call(path, stream=stream), TARGET)

    assert (request.url, dict(request.headers)["accept"]) == (f"http://u/v1{path}", accept)
