"""Speech and transcripts over HTTP, with the official client: by character, second and token."""

import base64
import io
import json
import wave
from typing import Any

import pytest
from openai import BadRequestError, InternalServerError

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from tests.e2e.house import Customer, Good, House
from tests.e2e.scripts import event, fails, streams, whole
from tests.e2e.upstream import Script

TEXT = "Good morning. Grüße!"
SOUND = b"ID3 not much of a sound \x00\xff"
PER_CHARACTER = Rates(character_nano=NANO)
PER_SECOND = Rates(second_nano=NANO)
TOKENS = Rates(input_nano=NANO // 10, output_nano=NANO)
HEARD = {"type": "tokens", "input_tokens": 50, "output_tokens": 5, "total_tokens": 55}
SOUNDS = whole(SOUND, kind="audio/mpeg")
PLAIN = whole(b"Hello there\n", kind="text/plain")
SPOKEN = {"input_tokens": 10, "output_tokens": 30, "total_tokens": 40}


def _wav(seconds: int = 3) -> bytes:
    """Return real sound: silence of so many seconds."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(32_000 * seconds))
    return file.getvalue()


def _sell(house: House, *scripts: Script, sell: Rates) -> Good:
    return house.sell(*scripts, sell=sell, kind="audio")


def _transcribe(customer: Customer, good: Good, file: bytes | None = None, **fields: Any) -> Any:
    sound = ("speech.wav", _wav() if file is None else file, "audio/wav")
    return customer.client.audio.transcriptions.create(model=good.name, file=sound, **fields)


def test_speech_is_charged_by_the_character(house: House):
    """Of the text that was sent; the sound goes through as it came, and says what it is."""
    good, customer = _sell(house, SOUNDS, sell=PER_CHARACTER), house.customer()
    answer = customer.client.audio.speech.with_raw_response.create(
        model=good.name, voice="alloy", input=TEXT, response_format="mp3"
    )
    (row,) = house.usage(customer)

    assert answer.content == SOUND
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["x-grip-credits"] == str(len(TEXT))
    assert (row.characters, row.cost_nano, row.estimated) == (len(TEXT), len(TEXT) * NANO, False)
    assert (row.endpoint, row.input_tokens) == ("/audio/speech", 0)
    assert good.door.requests[0].json["response_format"] == "mp3"


def test_speech_is_streamed_as_events_with_the_upstreams_count(house: House):
    """Sold by tokens, as those vendors sell it who report them."""
    sound = base64.b64encode(SOUND).decode()
    events = [
        event(json.dumps({"type": "speech.audio.delta", "audio": sound}).encode()),
        event(json.dumps({"type": "speech.audio.done", "usage": SPOKEN}).encode()),
    ]
    good, customer = _sell(house, streams(events), sell=TOKENS), house.customer()
    body = {"model": good.name, "input": TEXT, "voice": "alloy", "stream_format": "sse"}
    answer = house.post(customer, body, path="/v1/audio/speech")
    (row,) = house.usage(customer)

    assert answer.content == b"".join(events)
    assert (row.cost_nano, row.estimated, row.characters) == (31 * NANO, False, len(TEXT))


def test_speech_without_a_report_is_estimated_where_tokens_are_sold(house: House):
    """Sound says nothing of its tokens."""
    good, customer = _sell(house, SOUNDS, sell=TOKENS), house.customer()
    customer.client.audio.speech.create(model=good.name, voice="alloy", input=TEXT)
    (row,) = house.usage(customer)

    assert row.estimated
    assert row.output_tokens == 7 * row.input_tokens > 0


@pytest.mark.parametrize(
    "script",
    [
        whole(b'{"error":{"message":"the operator\'s trouble"}}'),
        whole(b""),
        fails(500),
    ],
    ids=["an error", "nothing", "a status"],
)
def test_what_is_no_sound_is_the_channels_fault(house: House, script: Script):
    """Whatever its status says, and the operator's trouble stays with the operator."""
    good, customer = _sell(house, script, sell=PER_CHARACTER), house.customer()
    with pytest.raises(InternalServerError) as refused:
        customer.client.audio.speech.create(model=good.name, voice="alloy", input=TEXT)

    assert "operator" not in refused.value.message
    house.assert_untouched(customer)


def test_a_transcript_is_charged_by_the_upstreams_seconds(house: House):
    """Begun seconds are whole ones."""
    told = b'{"text":"Hello","usage":{"type":"duration","seconds":2.2}}'
    good, customer = _sell(house, whole(told), sell=PER_SECOND), house.customer()
    answer = _transcribe(customer, good, language="en")
    (row,), (sent,) = house.usage(customer), good.door.requests

    assert answer.text == "Hello"
    assert (row.seconds, row.cost_nano, row.estimated) == (3, 3 * NANO, False)
    assert sent.body.count(_wav()) == 1
    assert b'name="language"\r\n\r\nen\r\n' in sent.body


def test_a_transcript_is_charged_by_tokens(house: House):
    """Where the upstream reports those."""
    told = json.dumps({"text": "Hello", "usage": HEARD}).encode()
    good, customer = _sell(house, whole(told), sell=TOKENS), house.customer()
    _transcribe(customer, good)
    (row,) = house.usage(customer)

    assert (row.cost_nano, row.estimated) == (10 * NANO, False)


def test_a_plain_text_says_nothing_and_is_measured(house: House):
    """The file lasts three seconds, and the row is marked."""
    good, customer = _sell(house, PLAIN, sell=PER_SECOND), house.customer()
    answer = _transcribe(customer, good, response_format="text")
    (row,) = house.usage(customer)

    assert answer == "Hello there\n"
    assert (row.seconds, row.cost_nano, row.estimated) == (3, 3 * NANO, True)


def test_a_transcript_is_streamed(house: House):
    """Its last event brings the count, and comes after the charge."""
    events = [
        event(b'{"type":"transcript.text.delta","delta":"Hel"}'),
        event(b'{"type":"transcript.text.delta","delta":"lo"}'),
        event(
            json.dumps({"type": "transcript.text.done", "text": "Hello", "usage": HEARD}).encode()
        ),
    ]
    good, customer = _sell(house, streams(events), sell=TOKENS), house.customer()
    kinds = [each.type for each in _transcribe(customer, good, stream=True)]
    (row,) = house.usage(customer)

    assert kinds[-1] == "transcript.text.done"
    assert (row.cost_nano, row.estimated) == (10 * NANO, False)
    assert good.door.requests[0].headers["accept"] == "text/event-stream"


def test_a_large_file_is_passed_on_from_the_disk(house: House):
    """Ten megabytes, twice: the second channel gets them from their beginning."""
    told = b'{"text":"Hello","usage":{"type":"duration","seconds":320}}'
    good, customer = _sell(house, fails(503), whole(told), sell=PER_SECOND), house.customer()
    sound = _wav(320)
    _transcribe(customer, good, sound)
    bodies = [door.requests[0].body for door in good.doors]

    assert bodies[0] == bodies[1]
    assert sound in bodies[1]


def test_the_seconds_of_the_file_are_held_for(house: House):
    """What a wallet cannot pay is not asked for."""
    good, customer = _sell(house, fails(500), sell=PER_SECOND), house.customer(credits_=9)
    form = {"model": good.name}
    headers = {"authorization": f"Bearer {customer.secret}"}
    refused = house.http.post(
        "/v1/audio/transcriptions",
        data=form,
        files={"file": ("a.wav", _wav(10))},
        headers=headers,
    )

    assert refused.json()["error"]["metadata"]["required"] == 10
    assert good.calls == [0]
    house.assert_untouched(customer, balance=9)


def test_a_route_that_counts_what_has_no_price_is_refused(house: House):
    """A model that is sold by the second cannot speak, one by the character cannot listen."""
    customer = house.customer()
    listens = _sell(house, fails(500), sell=PER_SECOND)
    speaks = _sell(house, fails(500), sell=PER_CHARACTER)
    said = house.post(
        customer, {"model": listens.name, "input": "x", "voice": "v"}, path="/v1/audio/speech"
    )
    with pytest.raises(Exception, match="no price for what this route counts"):
        _transcribe(customer, speaks)

    assert (said.status_code, said.json()["error"]["code"]) == (404, "model_not_found")
    assert listens.calls == speaks.calls == [0]
    house.assert_untouched(customer)


def test_json_is_no_form(house: House):
    """And what is no form is refused by name."""
    good, customer = _sell(house, fails(500), sell=PER_SECOND), house.customer()
    path = "/v1/audio/transcriptions"
    bare = house.post(customer, {"model": good.name}, path=path)
    with pytest.raises(BadRequestError, match="file: send one file of sound"):
        _transcribe(customer, good, b"")

    assert (bare.status_code, bare.json()["error"]["param"]) == (400, "file")
    house.assert_untouched(customer)
