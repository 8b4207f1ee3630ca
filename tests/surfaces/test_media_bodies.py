"""Bodies of images and audio: what they are held for, and which are refused by name."""

import io
import json
import struct
import wave
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.money import estimates, media
from grip.money.media import Estimate
from grip.money.pricing import HEARD_UNITS, SPOKEN_UNITS
from grip.providers.form import Form, Part
from grip.providers.json_object import JsonObject
from grip.web.sound import seconds_of
from grip.web.spool import Spool
from grip.web.surfaces import images, speech, transcriptions

WHO = {"request_id": "r", "key_hash": "k", "ip": "i"}


def _json(parse: Any, **members: Any) -> Call:
    found: Call = parse(JsonObject(json.dumps({"model": "m"} | members).encode()), **WHO)
    return found


async def _part(name: str, content: bytes, filename: str | None = None) -> Part:
    if filename is None:
        return Part(name=name, head=b"", content=content)
    spool = Spool()
    await spool.write(content)
    return Part(name=name, head=b"", content=spool, filename=filename)


async def _form(parse: Any, files: dict[str, bytes], **fields: str) -> Call:
    parts = [await _part(name, text.encode()) for name, text in ({"model": "m"} | fields).items()]
    parts += [await _part(name, content, "f") for name, content in files.items()]
    form = Form(b"edge", tuple(parts), "")
    try:
        found: Call = await parse(form, **WHO)
        return found
    finally:
        form.close()


def _wav(seconds: int, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(2 * rate * seconds))
    return file.getvalue()


def test_pictures_are_held_for_by_number_size_and_quality():
    """Each of them may cost what its size allows."""
    call = _json(images.parse_generation, prompt="A cat", n=3, size="1024x1024", quality="high")
    output = media.picture_tokens("1024x1024", "high")

    assert (call.path, call.type, call.stream) == ("/images/generations", "image", False)
    assert (call.choices, call.output_limit) == (3, output.bound)
    assert call.media is not None
    assert (call.media.images, call.media.output_tokens) == (3, output.near)
    assert (call.input_tokens, call.input_bound) == estimates.text_tokens_and_bound("A cat")


def test_pictures_that_are_named_in_json_count_as_input():
    """And so does the mask."""
    one = _json(images.parse_edit, prompt="x", image="file")
    four = _json(images.parse_edit, prompt="x", images=[{}, {}, {}], mask={})

    assert four.input_tokens - one.input_tokens == 3 * estimates.IMAGE_TOKENS
    assert four.input_bound - one.input_bound == 3 * estimates.IMAGE_TOKENS_BOUND


async def test_an_edit_is_read_from_its_fields():
    """Numbers and flags stand in a form as text."""
    call = await _form(
        images.parse_edit_form,
        {"image[]": b"p"},
        prompt="x",
        n="2",
        stream="true",
        partial_images="1",
    )

    assert (call.choices, call.stream, call.path) == (2, True, "/images/edits")


@pytest.mark.parametrize(
    ("param", "members"),
    [
        ("prompt", {}),
        ("prompt", {"prompt": ["x"]}),
        ("n", {"prompt": "x", "n": 0}),
        ("n", {"prompt": "x", "n": -1}),
        ("n", {"prompt": "x", "n": 101}),
        ("n", {"prompt": "x", "n": 1.5}),
        ("n", {"prompt": "x", "n": "2"}),
        ("size", {"prompt": "x", "size": 1024}),
        ("quality", {"prompt": "x", "quality": {}}),
        ("partial_images", {"prompt": "x", "partial_images": -1}),
        ("partial_images", {"prompt": "x", "partial_images": 11}),
        ("stream", {"prompt": "x", "stream": "yes"}),
        ("model", {"prompt": "x", "model": None}),
        ("N", {"prompt": "x", "N": 9}),
        ("Size", {"prompt": "x", "Size": "4096x4096"}),
    ],
)
def test_what_money_rests_on_is_checked(param: str, members: dict[str, Any]):
    """By name, before anything is held."""
    with pytest.raises(InvalidRequest) as refused:
        _json(images.parse_generation, **members)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("param", "files", "fields"),
    [
        ("image", {}, {}),
        ("image", {"mask": b"m"}, {}),
        ("n", {"image": b"p"}, {"n": "2.5"}),
        ("n", {"image": b"p"}, {"n": "1e9"}),
        ("n", {"image": b"p"}, {"n": "9999999999"}),
        ("stream", {"image": b"p"}, {"stream": "maybe"}),
        ("Model", {"image": b"p"}, {"Model": "other"}),
        ("IMAGE", {"IMAGE": b"p"}, {}),
        ("n", {"image": b"p", "n": b"9"}, {}),
    ],
)
async def test_what_a_form_lacks_or_hides_is_refused(
    param: str, files: dict[str, bytes], fields: dict[str, str]
):
    """A file in a field's place too: an upstream may read it."""
    with pytest.raises(InvalidRequest) as refused:
        await _form(images.parse_edit_form, files, **({"prompt": "x"} | fields))

    assert refused.value.param == param


async def test_a_field_that_stands_twice_is_refused():
    """Two readers may disagree on which counts."""
    parts = [await _part("model", b"m"), await _part("model", b"n"), await _part("prompt", b"x")]
    form = Form(b"edge", (*parts, await _part("image", b"p", "f")), "")
    with pytest.raises(InvalidRequest, match="model"):
        await images.parse_edit_form(form, request_id="r", key_hash="k", ip="i")
    form.close()


def test_speech_is_held_for_by_its_characters():
    """As people count them."""
    call = _json(speech.parse, input="Grüße 👋", voice="alloy")

    assert call.media is not None
    assert (call.media.characters, call.units, call.stream) == (7, SPOKEN_UNITS, False)
    assert _json(speech.parse, input="x", stream_format="sse").stream


@pytest.mark.parametrize(
    "members", [{}, {"input": ""}, {"input": ["x"]}, {"Input": "x", "input": "y"}]
)
def test_speech_needs_a_text(members: dict[str, Any]):
    """One, and a text."""
    with pytest.raises(InvalidRequest, match=r"(?i)input"):
        _json(speech.parse, **members)


async def test_a_transcript_is_held_for_by_the_length_of_its_sound():
    """In seconds and in tokens, with room for the shortest."""
    call = await _form(transcriptions.parse_form, {"file": _wav(10)}, prompt="Names: Ada")

    assert call.media is not None
    assert (call.media.seconds, call.media.seconds_bound, call.units) == (10, 10, HEARD_UNITS)
    assert call.input_tokens == 170 + estimates.text_tokens("Names: Ada")
    assert call.output_limit == 164


@pytest.mark.parametrize("files", [{}, {"file": b""}, {"sound": b"x"}])
async def test_a_transcript_needs_a_file(files: dict[str, bytes]):
    """With something in it, under its own name."""
    with pytest.raises(InvalidRequest, match="file"):
        await _form(transcriptions.parse_form, files)


def _lying(seconds: int) -> bytes:
    """Return a WAV whose head claims that it is empty."""
    sound = bytearray(_wav(seconds))
    at = sound.index(b"data") + 4
    sound[at : at + 4] = struct.pack("<I", 32)
    return bytes(sound)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (_wav(3), Estimate(3, 3)),
        (_wav(1)[:-100], Estimate(1, 1)),
        (_lying(60), Estimate(6, 6)),
        (b"\x1aE\xdf\xa3 a browser's recording" + bytes(40_000), Estimate(11, 41)),
        (b"x", Estimate(1, 1)),
    ],
    ids=["whole", "cut", "lying", "unknown", "tiny"],
)
async def test_sound_is_measured_and_not_believed(content: bytes, found: Estimate):
    """What its bytes must hold at the least counts; what cannot be measured is guessed by size."""
    spool = Spool()
    await spool.write(content)

    assert await seconds_of(spool.open(), spool.size) == found
    spool.close()


async def test_a_head_that_claims_hours_for_a_few_bytes_is_not_believed():
    """Nobody is held for what cannot be in a file."""
    sound = bytearray(_wav(1))
    sound[28:32] = struct.pack("<I", 1)
    sound[24:28] = struct.pack("<I", 1)
    spool = Spool()
    await spool.write(bytes(sound))
    near, bound = await seconds_of(spool.open(), spool.size)
    spool.close()

    assert near <= bound <= 33
