"""Bad bodies: each gets the contract's error, and leaves nothing behind."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.e2e.house import HELLO, House
from tests.e2e.scripts import polite

# What no database sees is tried on one engine.
pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True, scope="session")

DEEP = 100_000
"""More than any parser follows."""


def _chat(**members: Any) -> bytes:
    return json.dumps({"model": "MODEL", "messages": HELLO, **members}).encode()


MALFORMED = {
    "nothing": b"",
    "space": b"  ",
    "half": b'{"model": "MODEL", "messages": [',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "two objects": b"{}{}",
    "an endless list": b'{"model": "MODEL", "x": ' + b"[" * DEEP,
    "a deep list": _chat()[:-1] + b', "x": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a deep object": _chat()[:-1] + b', "x": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "a deep message": b'{"model":"MODEL","messages":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "not a number": _chat()[:-1] + b', "temperature": NaN}',
    "a byte-order mark": b"\xef\xbb\xbf" + _chat(),
    "latin-1": '{"model":"MODEL","messages":[{"role":"user","content":"é"}]}'.encode("latin-1"),
    "latin-1 in a name": _chat()[:-1] + b', "\xe9": 1}',
    "utf-16": _chat().decode().encode("utf-16"),
    "half a surrogate": _chat()[:-1] + b', "\\ud800": 1}',
    "twins": b'{"model":"MODEL","messages":[{"role":"user","content":"x"}],"model":"MODEL"}',
    "twins by escape": b'{"model":"MODEL","messages":[{"role":"user","content":"x"}],'
    b'"\\u006dodel":"other"}',
    "twins of the unread": _chat(x=1)[:-1] + b', "x": 2}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_refused_before_anything_is_held(house: House, body: bytes):
    """Whatever is wrong with it; nothing is dispatched, and the next call is served."""
    ana, good = house.customer(), house.sell(polite)
    answer = house.post(ana, body.replace(b"MODEL", good.name.encode()))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_error")
    assert answer.headers["x-grip-request-id"].startswith("req_")
    assert good.calls == [0]
    house.assert_untouched(ana)
    assert house.post(ana, _chat(model=good.name)).status_code == 200


MISTYPED: dict[str, list[Any]] = {
    "model": [None, 7, "", ["m"], {}],
    "messages": [None, "Hello", {}, [], ["Hello"], [{}], [{"role": 1}], [None]],
    "stream": ["true", 1, 0.0, {}],
    "max_tokens": ["5", 5.0, -1, 0, True, 10**30, [5]],
    "max_completion_tokens": ["5", 5.5, -1, 0, 10**9],
    "n": ["1", 1.0, 0, -1, 129, 10**30],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in MISTYPED.items() for value in values]
)
def test_a_member_of_the_wrong_type_is_named(house: House, name: str, value: object):
    """Only of those that money rests on; `param` says which."""
    ana, good = house.customer(), house.sell(polite)
    with pytest.raises(openai.BadRequestError) as raised:
        ana.client.chat.completions.create(
            model=good.name, messages=HELLO, extra_body={name: value}
        )

    assert (raised.value.code, raised.value.param) == ("invalid_request_error", name)
    assert good.calls == [0]
    house.assert_untouched(ana)


@pytest.mark.parametrize("options", ["all", 7, [], {"include_usage": "yes"}, {"include_usage": 1}])
def test_stream_options_of_the_wrong_type_are_named(house: House, options: object):
    """Where the call streams; elsewhere they are the upstream's to judge."""
    ana, good = house.customer(), house.sell(polite)
    body = {"model": good.name, "messages": HELLO, "stream_options": options}
    streamed, whole = house.post(ana, {**body, "stream": True}), house.post(ana, body)

    assert streamed.json()["error"]["param"] == "stream_options"
    assert (streamed.status_code, whole.status_code) == (400, 200)


@pytest.mark.parametrize(
    "content",
    [
        7,
        {},
        [7],
        ["text"],
        [[]],
    ],
)
def test_the_content_of_a_message_is_text_or_parts(house: House, content: object):
    """Anything else is refused, with the member's name."""
    ana, good = house.customer(), house.sell(polite)
    answer = house.post(
        ana, {"model": good.name, "messages": [{"role": "user", "content": content}]}
    )

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages")


@pytest.mark.parametrize(
    "value", [None, "", [], 7, {}, [1.5], [True], ["a", 1], [[1], "a"], [[1.5]], [None], [[["a"]]]]
)
def test_the_input_of_embeddings_is_texts_or_tokens(house: House, value: object):
    """Anything else is refused, with the member's name."""
    ana, good = house.customer(), house.sell(polite, kind="embedding")
    answer = house.post(ana, {"model": good.name, "input": value}, path="/v1/embeddings")

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")
    house.assert_untouched(ana)


ODD_BYTES = {
    "tools": b'"tools":[{"type":"function","function":{"name":"\xff"}}]',
    "response format": b'"response_format":{"type":"\xff"}',
    "unread": b'"user":"\xff"',
}


@pytest.mark.parametrize("member", ODD_BYTES.values(), ids=ODD_BYTES)
def test_bytes_that_are_no_text_are_no_trouble_of_grips(house: House, member: bytes):
    """Refused, or the upstream's to refuse; never grip's own failure."""
    ana, good = house.customer(), house.sell(polite)
    answer = house.post(ana, _chat(model=good.name)[:-1] + b"," + member + b"}")

    assert answer.status_code in (200, 400)
    assert house.holds(ana) == 0


def test_calls_in_a_message_that_are_no_text_are_no_trouble_of_grips(house: House):
    """The same within a message."""
    ana, good = house.customer(), house.sell(polite)
    message = b'{"role":"assistant","content":null,"tool_calls":[{"id":"\xff"}]}'
    answer = house.post(ana, b'{"model":"%b","messages":[%b]}' % (good.name.encode(), message))

    assert answer.status_code in (200, 400)
    assert house.holds(ana) == 0


def test_a_call_dearer_than_any_may_be_is_refused(house: House):
    """Rather than counted wrongly."""
    ana, good = house.customer(), house.sell(polite)
    answer = house.post(ana, {"model": good.name, "messages": HELLO, "max_tokens": 10**8, "n": 128})

    assert answer.status_code in (400, 402)
    house.assert_untouched(ana)


BIG = 20 * 1024 * 1024


def test_a_body_of_20_mb_is_too_large(house: House):
    """Refused by its announced length; the connection can be used again."""
    ana, good = house.customer(), house.sell(polite)
    answer = house.post(ana, _chat(model=good.name, x="x" * BIG))

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    assert good.calls == [0]
    house.assert_untouched(ana)
    assert house.post(ana, _chat(model=good.name)).status_code == 200


def test_the_client_reads_that_a_body_is_too_large(house: House):
    """As an error with a status, not as a broken connection."""
    ana, good = house.customer(), house.sell(polite)
    with pytest.raises(openai.APIStatusError) as raised:
        ana.client.chat.completions.create(
            model=good.name, messages=[{"role": "user", "content": "x" * BIG}]
        )

    assert (raised.value.status_code, raised.value.code) == (413, "request_too_large")
    house.assert_untouched(ana)


def test_an_unannounced_body_of_20_mb_is_too_large(house: House):
    """Counted as it comes."""
    ana, good = house.customer(), house.sell(polite)

    def parts() -> Iterator[bytes]:
        yield _chat(model=good.name)[:-1] + b', "x": "'
        for _ in range(20):
            yield b"x" * 1024 * 1024
        yield b'"}'

    answer = house.http.post(
        "/v1/chat/completions",
        content=parts(),
        headers={"authorization": f"Bearer {ana.secret}"},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    house.assert_untouched(ana)


def test_a_head_that_is_too_large_is_refused(house: House):
    """With the status that HTTP has for it, or a closed connection."""
    try:
        answer = house.http.get("/healthz", headers={"x-much": "x" * 2_000_000})
    except httpx2.TransportError:
        return
    assert answer.status_code == 431


def test_a_large_body_that_is_allowed_arrives_whole(house: House):
    """Nine megabytes, byte for byte."""
    ana, good = house.customer(credits_=10**9), house.sell(polite)
    body = _chat(model=good.name, x="x" * 9_000_000)

    assert house.post(ana, body).status_code == 200
    assert good.door.requests[0].body == body
