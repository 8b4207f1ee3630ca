"""Clients that send what they should not, on every route over every kind of channel.

Each is answered, or refused with a name in the shape that its client reads; nothing stays held.
"""

import json
from typing import Any

import pytest

from tests.fuzz.inside import Inside
from tests.fuzz.routes import HELLO, KNOWN, TARGETS, Target, name_of

EACH_TARGET = pytest.mark.parametrize("target", TARGETS, ids=name_of)
DEEP = 100_000
MEGABYTE = 1024 * 1024
PIXELS = "data:image/png;base64," + "iVBORw0KGgoA" * (9 * MEGABYTE // 12)


def _with(target: Target, text: bytes) -> bytes:
    """Return a polite body with the text of one more member."""
    return json.dumps(target.body).encode()[:-1] + b"," + text + b"}"


BROKEN: dict[str, Any] = {
    "nothing": lambda _: b"",
    "blanks": lambda _: b" \r\n",
    "null": lambda _: b"null",
    "a list": lambda target: b"[" + json.dumps(target.body).encode() + b"]",
    "half": lambda target: json.dumps(target.body).encode()[:-9],
    "something behind it": lambda target: json.dumps(target.body).encode() + b"x",
    "a byte-order mark": lambda target: b"\xef\xbb\xbf" + json.dumps(target.body).encode(),
    "UTF-16": lambda target: json.dumps(target.body).encode("utf-16-le"),
    "UTF-32": lambda target: json.dumps(target.body).encode("utf-32"),
    "Latin-1": lambda target: _with(target, b'"x":"\xe9"'),
    "a form": lambda target: f"model={target.model}&prompt=x".encode(),
    "brackets": lambda _: b"[" * DEEP,
    "deep brackets": lambda target: _with(target, b'"x":' + b"[" * DEEP + b"]" * DEEP),
    "deep braces": lambda target: _with(target, b'"x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "members without end": lambda target: _with(
        target, b",".join(b'"x%d":1' % index for index in range(DEEP))
    ),
    "twins": lambda target: _with(target, b'"model":"other"'),
    "twins by escape": lambda target: _with(target, b'"\\u006dodel":"other"'),
    "half a surrogate for a name": lambda target: _with(target, b'"\\ud800":1'),
    "NaN": lambda target: _with(target, b'"temperature":NaN'),
    "Infinity": lambda target: _with(target, b'"temperature":-Infinity'),
    "a number that is none": lambda target: _with(target, b'"temperature":01'),
}


@EACH_TARGET
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_is_no_object_is_refused(inside: Inside, target: Target, broken: Any):
    """By name, before anything is held or asked."""
    inside.upstream.asked.clear()
    heard = inside.ask(target.path, broken(target))

    assert (heard.status, target.code(heard)) == (400, "invalid_request_error")
    assert inside.upstream.asked == []


ODD_NUMBERS: list[Any] = [None, "5", -1, 0, 1.5, True, [], {}, 10**9, 10**30, -(10**30), 1e300]
COUNTS = ["max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of", "top_n"]


@EACH_TARGET
@pytest.mark.parametrize("name", COUNTS)
def test_a_count_that_cannot_be_is_refused_or_the_upstreams_to_judge(
    inside: Inside, target: Target, name: str
):
    """As a number, as a text, and as anything else."""
    for value in ODD_NUMBERS:
        target.judge(inside.ask(target.path, json.dumps({**target.body, name: value}).encode()))
    for text in (b"1e400", b"-1e400", b"1e-400", b"-0", b"1" * 5000):
        target.judge(inside.ask(target.path, _with(target, b'"%b":%b' % (name.encode(), text))))


INPUTS: list[Any] = [
    None, "", [], {}, 7, True, [None], [[]], [{}], [""], ["a", 1], [[1], "a"], [-1], [2**70], [1.5],
    [{"type": None}], [{"type": "text"}], [{"type": "text", "text": None}], [{"text": ["a"]}],
]  # fmt: skip


@EACH_TARGET
@pytest.mark.parametrize("name", ["input", "prompt", "query", "documents", "messages", "system"])
def test_an_input_of_any_shape_is_read_or_refused(inside: Inside, target: Target, name: str):
    """Where the route reads it, and where it does not."""
    for value in INPUTS:
        body = json.dumps({**target.body, name: value}).encode()
        target.judge(inside.ask(target.path, body))


def _call(call: str, arguments: Any = "{}") -> dict[str, Any]:
    return {"id": call, "type": "function", "function": {"name": "f", "arguments": arguments}}


def _result(call: Any, content: Any = "x") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "content": content}


def _calls(*calls: str) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [_call(call) for call in calls]}


def _use(*calls: str) -> dict[str, Any]:
    used = [{"type": "tool_use", "id": call, "name": "f", "input": {}} for call in calls]
    return {"role": "assistant", "content": used}


def _back(*calls: Any) -> dict[str, Any]:
    told = [{"type": "tool_result", "tool_use_id": call, "content": "x"} for call in calls]
    return {"role": "user", "content": told}


TALKS: dict[str, list[Any]] = {
    "an unknown role": [{"role": "narrator", "content": "x"}],
    "an empty role": [{"role": "", "content": "x"}],
    "no role": [{"content": "x"}],
    "a role of null": [{"role": None, "content": "x"}],
    "no content": [{"role": "user"}],
    "content of null": [{"role": "user", "content": None}],
    "empty content": [{"role": "user", "content": ""}],
    "no parts": [{"role": "user", "content": []}],
    "a part of null": [{"role": "user", "content": [None]}],
    "an empty part": [{"role": "user", "content": [{}]}],
    "only the model's own": [{"role": "assistant", "content": "x"}],
    "only a system prompt": [{"role": "system", "content": "x"}],
    "null for a message": [None],
    "a text for a message": ["Hello"],
    "calls without results": [*HELLO, _calls("a", "b"), *HELLO],
    "results out of order": [*HELLO, _calls("a", "b"), _result("b"), _result("a")],
    "a result twice": [*HELLO, _calls("a"), _result("a"), _result("a")],
    "a result too few": [*HELLO, _calls("a", "b"), _result("a")],
    "a result of nothing": [*HELLO, _result("a")],
    "a result without a name": [*HELLO, _calls("a"), {"role": "tool", "content": "x"}],
    "a result of null": [*HELLO, _calls("a"), _result(None, None)],
    "two calls of one name": [*HELLO, _calls("a", "a"), _result("a"), _result("a")],
    "calls that are no list": [*HELLO, {"role": "assistant", "tool_calls": {"a": 1}}],
    "calls of null": [*HELLO, {"role": "assistant", "content": "x", "tool_calls": None}],
    "a call of null": [*HELLO, {"role": "assistant", "tool_calls": [None]}],
    "arguments that are no JSON": [
        *HELLO,
        {"role": "assistant", "tool_calls": [_call("a", "{oops")]},
        _result("a"),
    ],
    "arguments that are no text": [
        *HELLO,
        {"role": "assistant", "tool_calls": [_call("a", {"x": 1})]},
        _result("a"),
    ],
    "arguments of many brackets": [
        *HELLO,
        {"role": "assistant", "tool_calls": [_call("a", "[" * DEEP)]},
        _result("a"),
    ],
    "uses without results": [*HELLO, _use("a", "b"), *HELLO],
    "results of uses out of order": [*HELLO, _use("a", "b"), _back("b", "a")],
    "a result of a use twice": [*HELLO, _use("a"), _back("a", "a")],
    "a result of a use too few": [*HELLO, _use("a", "b"), _back("a")],
    "a result of no use": [*HELLO, _back("a")],
    "a result of a use of null": [*HELLO, _use("a"), _back(None)],
    "an image that is none": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:;base64,%"}}]}
    ],
    "an image of null": [{"role": "user", "content": [{"type": "image_url", "image_url": None}]}],
    "half a surrogate": [{"role": "user", "content": "\ud83d"}],
    "a NUL": [{"role": "user", "content": "a\0b"}],
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("messages", TALKS.values(), ids=TALKS)
def test_a_talk_of_any_order_is_carried_or_refused(
    inside: Inside,
    messages: list[Any],
    stream: bool,  # noqa: FBT001
):
    """By chat and by messages, to their own vendors and to the others."""
    for target in TARGETS:
        if "messages" in target.members:
            body = {**target.body, "messages": messages, **({"stream": True} if stream else {})}
            target.judge(inside.ask(target.path, json.dumps(body).encode()))


def _tools(target: Target, count: int, filler: str) -> list[dict[str, Any]]:
    """Return so many tools as the clients of this route describe them."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": filler}}}
    names = [f"tool_{index}" for index in range(count)]
    if target.is_anthropics:
        return [{"name": name, "input_schema": schema} for name in names]
    if target.path == "/v1/responses":
        return [{"type": "function", "name": name, "parameters": schema} for name in names]
    function = [{"name": name, "parameters": schema} for name in names]
    return [{"type": "function", "function": one} for one in function]


@EACH_TARGET
def test_ten_thousand_tools_are_served(inside: Inside, target: Target):
    """Nine megabytes of them: they pass, or nobody could pay for them."""
    tools = _tools(target, 10_000, "x" * 820)
    body = json.dumps({**target.body, "tools": tools}).encode()
    heard = inside.ask(target.path, body)

    assert 8.5 * MEGABYTE < len(body) < 10 * MEGABYTE
    assert heard.status == 200
    target.judge(heard)


def _image(target: Target) -> dict[str, Any]:
    """Return an image of nine megabytes as the clients of this route send it, or as text."""
    source = {"type": "base64", "media_type": "image/png", "data": PIXELS.partition(",")[2]}
    chat = {"type": "image_url", "image_url": {"url": PIXELS}}
    messages = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    said = [{"role": "user", "content": [{"type": "input_image", "image_url": PIXELS}]}]
    members: dict[str, dict[str, Any]] = {
        "/v1/messages": {"messages": messages},
        "/v1/messages/count_tokens": {"messages": messages},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": [chat]}]},
        "/v1/responses": {"input": said},
        "/v1/moderations": {"input": [chat]},
        "/v1/rerank": {"documents": [{"image": PIXELS}]},
        "/v1/embeddings": {"input": PIXELS},
        "/v1/completions": {"prompt": PIXELS},
        "/v1/images/generations": {"prompt": PIXELS},
        "/v1/images/edits": {"image": PIXELS},
        "/v1/audio/speech": {"input": PIXELS},
    }
    return members[target.path]


@EACH_TARGET
def test_an_image_of_nine_megabytes_is_served(inside: Inside, target: Target):
    """It is one image, however long its letters are; a larger body is refused unread."""
    body = json.dumps({**target.body, **_image(target)}).encode()
    heard = inside.ask(target.path, body)
    over = inside.ask(target.path, [body, b" " * MEGABYTE, b" " * MEGABYTE])

    assert heard.status == 200
    target.judge(heard)
    assert (over.status, target.code(over)) == (413, "request_too_large")


@EACH_TARGET
def test_a_body_in_many_pieces_is_one_body(inside: Inside, target: Target):
    """Whatever it calls itself, and in pieces of a byte."""
    body = json.dumps(target.body).encode()
    for kind in ("text/plain", "application/json; charset=utf-16", "application/x-ndjson", ""):
        pieces = [body[at : at + 1] for at in range(len(body))]
        heard = inside.ask(target.path, pieces, headers={"content-type": kind})

        assert heard.status == 200


@EACH_TARGET
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_is_refused_by_name(inside: Inside, target: Target, method: str):
    """In the client's own shape."""
    heard = inside.ask(target.path, json.dumps(target.body).encode(), method=method)

    assert (heard.status, target.code(heard)) == (405, "method_not_allowed")
    assert 405 not in KNOWN
