"""What requests and answers said: kept as keys and configuration have it, read and wiped."""

import json
from typing import Any

import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import audit, content
from tests.e2e.conftest import Open
from tests.e2e.cuts import MID, REPORTING, STOPS, charged, hang_up
from tests.e2e.gateway import CONFIG, SECRET
from tests.e2e.house import HELLO, Customer, Good, House
from tests.e2e.lives import found, read, told
from tests.e2e.scripts import (
    DONE,
    TEXT,
    answer,
    error_body,
    event,
    polite,
    raw,
    stalls,
    streams,
    whole,
)
from tests.e2e.scripts import chunk as chunk_of

FILE = "QUJD" * 1_000
PER_SECOND = Rates(second_nano=NANO)
PER_CHARACTER = Rates(character_nano=NANO)


def call(house: House, customer: Customer, good: Good, **more: Any) -> str:
    """Make a call and return its id."""
    said = house.post(customer, {"model": good.name, "messages": HELLO, **more})
    return str(said.headers["x-grip-request-id"])


def test_a_request_and_its_answer_are_kept_to_the_byte(house: House):
    """As the client sent the one and got the other; no header is among it."""
    ana, good = house.customer(), house.sell(polite)
    body = json.dumps({"model": good.name, "messages": HELLO, "user": "Zoë"}).encode()
    said = house.post(ana, body)
    kept = read(house, said.headers["x-grip-request-id"])

    assert (kept["state"], kept["request"], kept["response"]) == ("kept", body.decode(), said.text)
    assert (kept["request_bytes"], kept["request_cut"]) == (len(body), False)
    assert ana.secret not in str(kept)
    assert SECRET not in str(kept)


def test_a_stream_is_kept_as_it_was_sent(house: House):
    """Its last word included."""
    ana, good = house.customer(), house.sell(polite)
    asked = {"model": good.name, "messages": HELLO, "stream": True}
    said = house.post(ana, asked | {"stream_options": {"include_usage": True}})
    kept = read(house, said.headers["x-grip-request-id"])

    assert kept["response"] == said.text
    assert kept["response"].endswith(DONE.decode())
    assert kept["response_bytes"] == len(said.content)


def test_a_stream_that_was_cut_is_kept_as_far_as_it_was_sent(house: House):
    """What its client did not get is no part of it."""
    ana, good = house.customer(), house.sell(stalls(MID.begun(REPORTING)), channel=STOPS)
    hang_up(house, ana, good, MID)
    kept = read(house, charged(house, ana).request_id)

    assert kept["response"].startswith(TEXT[0].decode())
    assert "[DONE]" not in kept["response"]


def test_the_request_of_a_call_that_failed_is_kept_as_well(house: House):
    """There was no answer."""
    ana, good = house.customer(), house.sell(whole(error_body("no"), status=400))
    request_id = call(house, ana, good)
    kept = read(house, request_id)

    assert (kept["state"], kept["response"]) == ("kept", None)
    assert json.loads(kept["request"])["messages"] == HELLO
    assert found(house, request_id).row is None


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_without_content_logging_leaves_none(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """What else is known of the call is kept."""
    ana, good = house.customer(content_logging=False), house.sell(polite)
    request_id = call(house, ana, good, stream=stream)
    kept = read(house, request_id)

    assert (kept["state"], kept["request"], kept["response"]) == ("not_logged", None, None)
    assert found(house, request_id).detail is not None


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_the_configuration_says_what_keys_do_that_do_not_say(own_house: Open):
    """A key that says otherwise is heard."""
    with own_house(config=f"{CONFIG}\n[content]\nlogging = false\n") as house:
        good = house.sell(polite)
        silent = read(house, call(house, house.customer(), good))
        said = read(house, call(house, house.customer(content_logging=True), good))

    assert (silent["state"], said["state"]) == ("not_logged", "kept")


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stream", [False, True])
def test_content_beyond_the_bound_is_cut_and_files_are_left_out(
    own_house: Open,
    stream: bool,  # noqa: FBT001
):
    """Of both sides; the size as it was is told."""
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{FILE}"}}
    asked = [{"role": "user", "content": [picture, {"type": "text", "text": "what? " * 100}]}]
    words = "so it is, "
    script = streams([event(chunk_of(words)) for _ in range(200)] + [DONE])
    whole_answer = whole(answer(text=words * 2_000))
    with own_house(config=f"{CONFIG}\n[content]\nmax_bytes = 300\n") as house:
        good = house.sell(script if stream else whole_answer)
        request_id = call(house, house.customer(), good, messages=asked, stream=stream)
        kept = read(house, request_id)

    assert "data:image/png;base64,[4000 bytes of base64]" in kept["request"]
    assert (len(kept["request"]), len(kept["response"])) == (300, 300)
    assert (kept["request_cut"], kept["response_cut"]) == (True, True)
    assert kept["request_bytes"] > 4_000
    assert kept["response_bytes"] > 20_000


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_operator_names_is_never_kept(
    own_house: Open,
    stream: bool,  # noqa: FBT001
):
    """Not where it is cut into the events of a stream, either: the text is kept instead of them."""
    number = "4111 1111 1111 1111"
    config = f"{CONFIG}\n[content]\nredact = ['\\d{{4}}( \\d{{4}}){{3}}']\n"
    cut = streams([event(chunk_of(piece)) for piece in ("it is ", *number, " now")] + [DONE])
    with own_house(config=config) as house:
        good = house.sell(cut if stream else whole(answer(text=f"it is {number} now")))
        asked = [{"role": "user", "content": f"repeat {number}"}]
        request_id = call(house, house.customer(), good, messages=asked, stream=stream)
        kept = read(house, request_id)

    assert "repeat [redacted]" in kept["request"]
    assert "it is [redacted] now" in kept["response"]
    assert "1111" not in str(kept)


def test_whoever_reads_content_is_named_in_the_audit_log(house: House):
    """Each time; a look at what there is not leaves nothing."""
    ana, good = house.customer(), house.sell(polite)
    silent = house.customer(content_logging=False)
    request_id, none = call(house, ana, good), call(house, silent, good)
    read(house, request_id)
    read(house, none)
    (row,) = house.do(audit.list_audit, subject=request_id)

    assert (row.action, row.actor, row.after) == (
        "content.read",
        "reader",
        {"wallet_id": ana.wallet_id},
    )
    assert house.do(audit.list_audit, subject=none) == []


def test_content_is_wiped_for_good_and_the_call_stays(house: House):
    """With what upstreams said, which may quote it; its audit row says who and why."""
    ana, good = house.customer(), house.sell(raw(), polite)
    request_id = call(house, ana, good)
    before = found(house, request_id)
    house.do(content.redact, request_id, actor="officer", reason="asked for")
    after_ = found(house, request_id)
    kept = read(house, request_id)
    (row,) = house.do(audit.list_audit, subject=request_id)

    assert (kept["state"], kept["request"], kept["response"]) == ("redacted", None, None)
    assert (row.action, row.actor, row.reason) == ("content.redact", "officer", "asked for")
    assert before.detail is not None
    assert after_.detail is not None
    assert [one.detail for one in before.detail.trace.attempts] != ["redacted", ""]
    assert [one.detail for one in after_.detail.trace.attempts] == ["redacted", ""]
    assert after_.row == before.row
    with pytest.raises(errors.Conflict, match="already"):
        house.do(content.redact, request_id, actor="officer", reason="again")


def test_the_content_of_a_wallet_is_wiped_within_a_span(house: House):
    """Nobody else's, and nothing outside of it; asked for again, it finds nothing."""
    ana, bob, good = house.customer(), house.customer(), house.sell(polite)
    first, second, third = (call(house, ana, good) for _ in range(3))
    other = call(house, bob, good)
    at_us = [found(house, one).detail.created_us for one in (first, second, third)]  # type: ignore[union-attr]
    found(house, other)
    span = {"from_us": at_us[1], "to_us": at_us[2]}
    wiped = [
        house.do(content.redact_wallet, ana.email, actor="officer", reason="law", **span)
        for _ in range(2)
    ]
    states = [read(house, one)["state"] for one in (first, second, third, other)]

    assert wiped == [1, 0]
    assert states == ["kept", "redacted", "kept", "kept"]
    assert house.do(audit.list_audit, subject=ana.wallet_id)[0].action == "content.redact"


def test_more_calls_of_a_wallet_are_wiped_than_fit_into_a_step(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """Step by step, to the last."""
    monkeypatch.setattr(content, "_BATCH", 2)
    ana, good = house.customer(), house.sell(polite)
    ids = [call(house, ana, good) for _ in range(5)]
    for request_id in ids:
        found(house, request_id)

    assert house.do(content.redact_wallet, ana.wallet_id, actor="officer", reason="law") == 5


def test_a_stop_writes_what_waits(own_house: Open):
    """The details of the last second are there after it."""
    with own_house() as house:
        ana, good = house.customer(), house.sell(polite)
        ids = [call(house, ana, good) for _ in range(3)]
        assert house.gateway.stop() == 0
        kept = [read(house, one)["state"] for one in ids]

    assert kept == ["kept"] * 3


def test_files_and_sounds_are_kept_as_notes(house: House):
    """The fields of a form without its files, and of a sound how long it is in bytes."""
    sound = b"ID3 \x00\xff" * 100
    ana = house.customer()
    heard = house.sell(whole(b"Hello", kind="text/plain"), kind="audio", sell=PER_SECOND)
    spoken = house.sell(whole(sound, kind="audio/mpeg"), kind="audio", sell=PER_CHARACTER)
    said = house.http.post(
        "/v1/audio/transcriptions",
        headers={"authorization": f"Bearer {ana.secret}"},
        data={"model": heard.name, "prompt": "about ships", "response_format": "text"},
        files={"file": ("speech.mp3", sound, "audio/mpeg")},
    )
    written = read(house, said.headers["x-grip-request-id"])
    asked = {"model": spoken.name, "input": "Hello", "voice": "alloy"}
    answered = house.post(ana, asked, path="/v1/audio/speech")
    kept = read(house, answered.headers["x-grip-request-id"])
    life = told(house, answered.headers["x-grip-request-id"])

    assert (said.status_code, answered.status_code) == (200, 200)
    assert json.loads(written["request"])["prompt"] == "about ships"
    assert "ID3" not in written["request"]
    assert written["response"] == "Hello"
    assert kept["response"] == "[600 bytes that are no text]"
    assert life["charge"]["lines"] == [
        {"unit": "character", "units": 5, "rate_nano": NANO, "nano": 5 * NANO}
    ]
    assert life["hold"]["characters"] == 5
