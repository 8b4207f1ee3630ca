"""How grip speaks to Anthropic's clients where no upstream does: keys, errors and endings."""

import json
from typing import Any

import pytest

from grip import errors
from grip.gateway.call import Call, Told
from grip.ids import key_hash
from grip.money.pricing import Usage
from grip.providers.anthropic.adapter import AnthropicAdapter
from grip.providers.json_object import JsonObject
from grip.providers.port import UpstreamCall
from grip.web.errors import status_of
from grip.web.request import client_hash, passed
from grip.web.surfaces.messages_ending import MessagesEnding
from grip.web.surfaces.messages_errors import ANTHROPIC

KEY = b"sk-grip-" + b"x" * 32
CALL = Call(
    request_id="req_1",
    key_hash="k",
    ip="i",
    path="/messages",
    type="chat",
    body=JsonObject(b"{}"),
    model="m",
    input_tokens=1,
    input_bound=1,
)


def _scope(*headers: tuple[bytes, bytes]) -> Any:
    return {"headers": [(b"host", b"x"), *headers]}


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-api-key", KEY)],
        [(b"x-api-key", b" " + KEY + b" ")],
        [(b"authorization", b"Bearer " + KEY)],
        [(b"x-api-key", KEY), (b"authorization", b"Bearer other")],
        [(b"x-api-key", b""), (b"authorization", b"bearer " + KEY)],
    ],
)
def test_a_key_is_read_from_either_header(headers: list[tuple[bytes, bytes]]):
    """`x-api-key` counts where both are sent."""
    assert client_hash(_scope(*headers)) == key_hash(KEY.decode())


@pytest.mark.parametrize(
    "headers", [[], [(b"x-api-key", b" ")], [(b"authorization", b"Basic x")]], ids=str
)
def test_a_request_without_a_key_is_refused(headers: list[tuple[bytes, bytes]]):
    """With a sentence that says where it belongs."""
    with pytest.raises(errors.InvalidApiKey, match=r"sk-grip-"):
        client_hash(_scope(*headers))


def test_the_headers_of_a_wire_go_along_and_no_others():
    """As often as they came."""
    sent = [(b"anthropic-beta", b"a"), (b"cookie", b"c"), (b"anthropic-beta", b"b\xff")]

    assert passed(_scope(*sent), {b"anthropic-beta"}) == (
        ("anthropic-beta", "a"),
        ("anthropic-beta", "b\xff"),
    )


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (errors.InvalidRequest("no", param="system"), "invalid_request_error", 400),
        (errors.InvalidApiKey("no"), "authentication_error", 401),
        (errors.InsufficientCredits("no", metadata={"required": 7}), "billing_error", 402),
        (errors.ApiKeyBudgetExhausted("no"), "billing_error", 402),
        (errors.MemberLimitExhausted("no"), "billing_error", 402),
        (errors.ModelNotAllowed("no"), "permission_error", 403),
        (errors.ModelNotFound("no"), "not_found_error", 404),
        (errors.MethodNotAllowed("no"), "invalid_request_error", 405),
        (errors.IdempotencyKeyInUse("no"), "conflict_error", 409),
        (errors.RequestTooLarge("no"), "request_too_large", 413),
        (errors.IdempotencyKeyReused("no"), "invalid_request_error", 422),
        (errors.RateLimitExceeded("no"), "rate_limit_error", 429),
        (errors.GripError("no"), "api_error", 500),
        (errors.ServiceUnavailable("no"), "overloaded_error", 503),
    ],
)
def test_every_failure_has_a_type_of_anthropics(error: errors.GripError, kind: str, status: int):
    """Its status is the contract's, and its code is beside the type."""
    said = json.loads(ANTHROPIC.body(error, "req_1"))
    told = said.pop("error")

    assert said == {"type": "error", "request_id": "req_1"}
    assert (told["type"], told["message"], told["code"]) == (kind, "no", error.code)
    assert told.get("param") == error.param
    assert told.get("metadata", {}) == error.metadata
    assert status_of(error) == status


def test_every_category_has_a_type():
    """None can be forgotten."""
    for category in errors.Category:
        kind = type("Failure", (errors.GripError,), {"category": category})
        assert json.loads(ANTHROPIC.body(kind("no"), "r"))["error"]["type"]


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (413, "request_too_large", "request_too_large"),
        (413, "server_error", "request_too_large"),
        (400, "context_length_exceeded", "invalid_request_error"),
        (422, None, "invalid_request_error"),
    ],
)
def test_an_upstreams_own_refusal_keeps_its_message(status: int, said: str | None, kind: str):
    """What another vendor calls it is none of Anthropic's types."""
    error = {"message": "too long", "type": said, "param": None, "code": "c", "details": {"x": 1}}
    told = json.loads(ANTHROPIC.refused(status, error, "req_1"))

    assert told == {
        "type": "error",
        "error": {"type": kind, "message": "too long", "code": "c", "details": {"x": 1}},
        "request_id": "req_1",
    }


def test_a_failure_in_a_stream_is_an_event_of_its_own():
    """Anthropic's clients go by its name."""
    event = ANTHROPIC.event(errors.ServiceUnavailable("broke off"), "req_1")
    name, data, *rest = event.split(b"\n")

    assert (name, rest) == (b"event: error", [b"", b""])
    assert json.loads(data.removeprefix(b"data: "))["error"]["code"] == "service_unavailable"


def _stopped(block: int) -> bytes:
    told = Told(stream_id="msg_1", created_s=1, usage_payload=None, block=block, output_tokens=42)
    ending = MessagesEnding()
    assert ending.usage(CALL, told, Usage(input_tokens=1, output_tokens=42), 7) == b""
    return ending.length(CALL, told) + ending.end


@pytest.mark.parametrize("block", [-1, 0, 3])
def test_a_stream_that_was_stopped_ends_as_anthropics_do(block: int):
    """The open block is closed, the reason is told, and a reader of that wire takes the end."""
    whole = _stopped(block)
    lines = [line for line in whole.split(b"\n") if line.startswith(b"data: ")]
    events: list[Any] = [json.loads(line.removeprefix(b"data: ")) for line in lines]
    call = UpstreamCall(
        path="/messages", body=JsonObject(b"{}"), model="m", stream=True, ask_usage=False
    )
    *begun, last = AnthropicAdapter({}).stream(call).feed(whole)

    closed = [] if block < 0 else [{"type": "content_block_stop", "index": block}]
    assert events == [
        *closed,
        {
            "type": "message_delta",
            "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
            "usage": {"output_tokens": 42},
        },
        {"type": "message_stop"},
    ]
    assert last.is_end
    assert not any(event.is_end for event in begun)
