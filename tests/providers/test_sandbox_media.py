"""The sandbox's pictures, sound and transcripts: real files, and misbehaviour as it is told."""

import base64
import io
import json
import wave
from typing import Any

import pytest

from grip.providers import sandbox
from grip.providers.form import Form, Part
from grip.providers.json_object import JsonObject
from grip.providers.openai import OpenAIAdapter
from grip.providers.port import ChannelFault, Target, UpstreamCall
from grip.providers.sandbox import SandboxAdapter

ADAPTER = OpenAIAdapter()
IMAGES = "/images/generations"
SPEECH = "/audio/speech"
HEARD = "/audio/transcriptions"


def _call(path: str, *, stream: bool = False) -> UpstreamCall:
    body = JsonObject(b'{"model":"m"}')
    return UpstreamCall(path=path, body=body, model="m", stream=stream, ask_usage=stream)


def _play(path: str, model: str = "m", **members: Any) -> sandbox.Script:
    return sandbox.script(path, json.dumps({"model": model} | members).encode())


def _answer(path: str, model: str = "m", **members: Any) -> Any:
    played = _play(path, model, **members)
    return ADAPTER.answer(_call(path), b"".join(played.chunks), played.content_type)


def test_its_pictures_are_real_ones():
    """PNG, with as many as are asked for, and tokens for each."""
    answer = _answer(IMAGES, n=2, prompt="x")
    first = base64.b64decode(json.loads(answer.body)["data"][0]["b64_json"])

    assert first.startswith(b"\x89PNG\r\n\x1a\n")
    assert first.endswith(b"IEND\xaeB`\x82")
    assert (answer.report.images, answer.report.output_tokens) == (2, 2 * 1_056)


def test_its_speech_is_real_sound():
    """A second for fifteen characters."""
    answer = _answer(SPEECH, input="x" * 40)
    with wave.open(io.BytesIO(answer.body)) as sound:
        assert (sound.getnframes(), sound.getframerate()) == (24_000, 8_000)
    assert answer.content_type == "audio/wav"


def test_its_transcripts_tell_their_seconds():
    """In each form of an answer; a plain text tells nothing."""
    whole = _answer(HEARD, file_bytes=8_001)
    verbose = _answer(HEARD, file_bytes=8_001, response_format="verbose_json")
    plain = _answer(HEARD, file_bytes=8_001, response_format="text")

    assert whole.report.seconds == verbose.report.seconds == 2
    assert (plain.report.seconds, plain.text.strip()) == (None, whole.text)


@pytest.mark.parametrize(
    ("path", "members"),
    [
        (IMAGES, {"stream": True, "partial_images": 2}),
        (SPEECH, {"stream_format": "sse", "input": "Hello there"}),
        (HEARD, {"stream": True, "file_bytes": 9}),
    ],
)
def test_its_streams_end_well_unless_told(path: str, members: dict[str, Any]):
    """And are cut where they should be."""
    for model, is_whole in (("m", True), ("m?fail=cut", False)):
        reader = ADAPTER.stream(_call(path, stream=True))
        played = _play(path, model, **members)
        events = [event for chunk in played.chunks for event in reader.feed(chunk)]
        if is_whole:
            assert (events + ([] if events[-1].is_end else reader.close()))[-1].is_end
        else:
            with pytest.raises(ChannelFault):
                reader.close()


@pytest.mark.parametrize("path", [IMAGES, HEARD])
def test_its_usage_is_what_it_is_told(path: str):
    """None, or zero."""
    none, zero = _answer(path, "m?usage=none"), _answer(path, "m?usage=zero", file_bytes=9)

    assert (none.report.input_tokens, none.report.seconds) == (None, None)
    assert 0 in (zero.report.input_tokens, zero.report.seconds)


def test_of_a_form_it_is_told_the_fields_and_the_size():
    """It reads no files."""
    form = Form(b"e", (Part(name="file", head=b"", content=b"12345", filename="f"),), "")
    call = UpstreamCall(
        path=HEARD,
        body=JsonObject(b'{"model":"m"}'),
        model="theirs",
        stream=False,
        ask_usage=False,
        form=form,
    )
    request = SandboxAdapter().request(call, Target(base_url="", secret=None))

    assert json.loads(request.body) == {"model": "theirs", "file_bytes": 5}
    assert (request.url, request.upload) == ("sandbox:" + HEARD, None)
