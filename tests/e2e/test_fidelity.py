"""Byte for byte: what a client sends reaches the upstream, and so back with what it answers."""

import json

import pytest

from tests.e2e.gateway import SECRET
from tests.e2e.house import HELLO, House
from tests.e2e.scripts import (
    DONE,
    LAST_PART,
    STREAM_HEAD,
    TEXT,
    USAGE,
    USAGE_EVENT,
    chunk,
    event,
    part,
    polite,
    sends,
    streams,
    whole,
)

ODD = (
    b'\r\n{ "seed" :1.0,\t"logit_bias":{"7":1e3, "8" : -0.0},'
    b'"x_big":123456789012345678901234567890,'
    b'"x_unicode":"\\u00e9\\ud83d\\ude00 \\/ \xc3\xa9","model":"MODEL" , "temperature":1E-1,'
    b'"x_null":null,"x_deep":[[[{"a":[ ]}]]],\n"messages":[{"role":"user","content":"h\\u0069",'
    b'"x_unknown":{"b":1.50}}],"x_last":"}"  } \n'
)


def test_a_request_reaches_the_upstream_as_it_was_sent(house: House):
    """Unknown members, spaces, the spelling of numbers and escapes."""
    ana, good = house.customer(), house.sell(polite)
    body = ODD.replace(b"MODEL", good.name.encode())

    assert house.post(ana, body).status_code == 200
    assert good.door.requests[0].body == body


def test_a_mapped_model_is_all_that_changes(house: House):
    """In its place; an alias leads to the channel's name for the model too."""
    ana, good = house.customer(), house.sell(polite, alias="odd-alias", upstream_name="up/stream")
    for name in (good.name, "odd-alias"):
        assert house.post(ana, ODD.replace(b"MODEL", name.encode())).status_code == 200

    for request in good.door.requests:
        assert request.body == ODD.replace(b"MODEL", b"up/stream")


def test_an_alias_is_called_by_the_models_name(house: House):
    """Where the channel has no other."""
    ana, good = house.customer(), house.sell(polite, alias="another-alias")
    house.post(ana, ODD.replace(b"MODEL", b"another-alias"))

    assert good.door.requests[0].body == ODD.replace(b"MODEL", good.name.encode())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (b'"stream_options":{"include_usage":true, "x": 1e3}', None),
        (
            b'"stream_options" : {"x": 1e3, "include_usage" :false}',
            b'"stream_options" : {"x": 1e3, "include_usage" :true}',
        ),
        (b'"stream_options": null', b'"stream_options": {"include_usage":true}'),
    ],
)
def test_usage_is_asked_for_and_nothing_else_is(
    house: House, options: bytes, expected: bytes | None
):
    """Other options of the stream keep their spelling."""
    ana, good = house.customer(), house.sell(polite)
    body = ODD.replace(b"MODEL", good.name.encode()).replace(
        b'"x_null":null', b'"stream": true,' + options
    )
    assert house.post(ana, body).status_code == 200

    assert good.door.requests[0].body == body.replace(options, expected or options)


def test_embeddings_reach_the_upstream_as_they_were_sent(house: House):
    """Odd spaces and unknown members."""
    ana, good = house.customer(), house.sell(polite, kind="embedding")
    body = b'{"x":1.0, "input" :["a"] ,"model":"%b", "dimensions":2 }' % good.name.encode()
    house.post(ana, body, path="/v1/embeddings")

    assert good.door.requests[0].body == body


def test_the_upstream_gets_the_channels_secret_and_nothing_of_the_clients(house: House):
    """Neither key, nor cookies, nor headers, nor query."""
    ana, good = house.customer(), house.sell(polite)
    for stream in (False, True):
        house.http.post(
            "/v1/chat/completions?api_key=1",
            content=json.dumps({"model": good.name, "messages": HELLO, "stream": stream}),
            headers={
                "authorization": f"Bearer {ana.secret}",
                "cookie": "a=b",
                "x-private": "private",
                "x-forwarded-for": "192.0.2.7",
                "openai-organization": "org",
            },
        )

    for request in good.door.requests:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        assert request.path.endswith("/v1/chat/completions")
        assert ana.secret.encode() not in request.raw
        assert not request.headers.keys() - {
            "accept",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent",
        }


def test_an_answer_reaches_the_client_as_it_was_sent(house: House):
    """Unknown members, spaces, the spelling of numbers and escapes."""
    said = (
        b' {"id":"c",\t"choices":[{"index":0 ,"message":{"content":"\\u00e9 \xc3\xa9 \\ud83d"},'
        b'"x":1e3}], "x_big":123456789012345678901234567890,"usage":{"prompt_tokens":1,'
        b'"completion_tokens":2,"x":1.0}}\r\n'
    )
    ana, good = house.customer(), house.sell(whole(said))
    answer = house.post(ana, {"model": good.name, "messages": HELLO})

    assert answer.content == said
    assert answer.headers["content-type"] == "application/json"
    (row,) = house.usage(ana)
    assert (row.input_tokens, row.output_tokens, row.estimated) == (1, 2, False)


ODD_EVENTS = [
    b": a comment\n\n",
    b'data:{"choices":[{"delta":{"content":"\\u00e9 \xc3\xa9"},"x":1e3}], "y" : 1.0}\n\n',
    b'event: message\nid: 7\nretry: 10\ndata: {"choices":[]}\n\n',
    b'data: {"choices":\ndata: [{"delta":{"content":"two lines"}}]}\n\n',
    b'data:   {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":null}  \n\n',
]


def test_a_stream_reaches_the_client_as_it_was_sent(house: House):
    """But for the usage that was not asked for."""
    ana, good = house.customer(), house.sell(streams([*ODD_EVENTS, USAGE_EVENT, DONE]))
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True}).content

    assert said == b"".join(ODD_EVENTS) + DONE


def test_a_stream_of_crlf_reaches_the_client_as_it_was_sent(house: House):
    """Line ends are the upstream's own."""
    sent = [text.replace(b"\n", b"\r\n") for text in [*ODD_EVENTS, USAGE_EVENT, DONE]]
    ana, good = house.customer(), house.sell(streams(sent))
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True}).content

    assert said == b"".join([*sent[:-2], sent[-1]])


def test_a_stream_cut_at_every_byte_is_the_same(house: House):
    """However the network cuts it."""
    whole_stream = b"".join([*ODD_EVENTS, USAGE_EVENT, DONE])
    cut = [whole_stream[at : at + 1] for at in range(len(whole_stream))]
    ana, good = (
        house.customer(),
        house.sell(sends(STREAM_HEAD + b"".join(map(part, cut)) + LAST_PART)),
    )
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True}).content

    assert said == b"".join(ODD_EVENTS) + DONE
    (row,) = house.usage(ana)
    assert (row.input_tokens, row.estimated) == (10, False)


def test_very_large_chunks_pass(house: House):
    """Two events of three megabytes."""
    big = [event(chunk("x" * 3_000_000)) for _ in range(2)]
    ana, good = house.customer(), house.sell(streams([*big, *TEXT, USAGE_EVENT, DONE]))
    said = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True}).content

    assert said == b"".join([*big, *TEXT, DONE])


def test_the_usage_chunk_gets_its_cost_and_keeps_the_rest(house: House):
    """Unknown members of it and of its usage stay as they were spelled."""
    sent = (
        b'{"id":"c", "x":1e3,"choices":[] ,'
        b'"usage":{"prompt_tokens":10,"completion_tokens":5, "y":1.0}}'
    )
    ana, good = house.customer(), house.sell(streams([*TEXT, event(sent), DONE]))
    body = {
        "model": good.name,
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    said = house.post(ana, body).content

    cost = b',"cost_nano":6000000000}}'
    assert said == b"".join([*TEXT, event(sent[:-2] + cost), DONE])


@pytest.mark.parametrize(
    "sent",
    [
        b'{"choices":[],\ndata: "usage":{USED}}',
        b'{"choices":[],"usage":{USED},"a":1,"a":2}',
        b'{"choices":[],"usage":{USED,"a":1,"a":1}}',
        b'{"choices":[],"x":"\\ud83d","usage":{USED}}',
    ],
    ids=["on two lines", "twins", "twins in its usage", "half a surrogate"],
)
def test_an_odd_usage_chunk_gets_its_cost_too(house: House, sent: bytes):
    """On several lines, or with members that stand twice: the client can read what it gets."""
    used = sent.replace(b"USED", b'"prompt_tokens":10,"completion_tokens":5')
    ana, good = house.customer(), house.sell(streams([*TEXT, event(used), DONE]))
    *_, last = ana.client.chat.completions.create(
        model=good.name, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    assert last.usage is not None
    assert last.usage.prompt_tokens == USAGE["prompt_tokens"]
    assert (last.usage.model_extra or {})["cost_nano"] == 6 * 10**9


def test_many_choices_and_calls_are_counted_where_nobody_reports(house: House):
    """Texts of all choices, refusals, reasoning and calls of tools."""
    said = b"".join(
        event(json.dumps({"choices": [{"index": i, "delta": delta}]}).encode())
        for i, delta in enumerate(
            [
                {"content": "word " * 20},
                {"reasoning_content": "word " * 20},
                {"refusal": "word " * 20},
                {"tool_calls": [{"function": {"arguments": "word " * 20}}]},
            ]
        )
    )
    ana, good = house.customer(), house.sell(streams([said, event(chunk(finish="stop")), DONE]))
    house.post(ana, {"model": good.name, "messages": HELLO, "stream": True})

    (row,) = house.usage(ana)
    assert row.estimated
    assert 70 < row.output_tokens < 140
