"""Anthropic's wire as the model by rules speaks it.

Facts: Anthropic API reference, "Messages"; its Python SDK. It is strict where Anthropic is:
members that it does not know (but for `x_…`), no `max_tokens`, turns that do not begin with the
user's, results of tools that do not stand first behind their calls.
"""

import json
from typing import Any

from tests.compat.mind import Asked, Refused, Said, answer
from tests.e2e import anthropic_wire as wire
from tests.e2e.scripts import streams, whole
from tests.e2e.upstream import Exchange

Json = dict[str, Any]

SEAL = "c2VhbA=="
_KNOWN = frozenset(
    [
        "cache_control",
        "container",
        "context_management",
        "max_tokens",
        "mcp_servers",
        "messages",
        "metadata",
        "model",
        "output_config",
        "output_format",
        "service_tier",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    ]
)
_STOP = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool": "tool_use",
    "sequence": "stop_sequence",
    "refusal": "refusal",
}


def speaks(exchange: Exchange) -> None:
    """Answer a request for messages, or for the count of their tokens."""
    body = exchange.request.json
    if exchange.request.path.endswith("/count_tokens"):
        whole(b'{"input_tokens": 17}')(exchange)
        return
    try:
        said = answer(read(body))
    except Refused as refusal:
        error = wire.error("invalid_request_error", str(refusal))
        whole(error, status=refusal.status)(exchange)
        return
    if body.get("stream"):
        streams(_events(said))(exchange)
        return
    told = json.loads(wire.message(*_blocks(said), usage=usage(said), stop=_STOP[said.stop]))
    told |= {"stop_sequence": said.sequence, "model": body["model"]}
    whole(json.dumps(told).encode())(exchange)


def usage(said: Said) -> Json:
    """Return the usage, in which what was cached stands beside the input."""
    return {
        "input_tokens": said.input - said.cached - said.written,
        "cache_creation_input_tokens": said.written,
        "cache_read_input_tokens": said.cached,
        "output_tokens": said.output,
    }


def read(body: Json) -> Asked:
    """Return what a request asks for; raises Refused where Anthropic would refuse it."""
    unknown = {name for name in body.keys() - _KNOWN if not name.startswith("x_")}
    if unknown:
        raise Refused(f"{min(unknown)}: Extra inputs are not permitted")
    if "max_tokens" not in body:
        raise Refused("max_tokens: Field required")
    messages = body["messages"]
    _check_order(messages)
    last = _blocks_of(messages[-1]["content"]) if messages[-1]["role"] == "user" else []
    choice = body.get("tool_choice") or {}
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    must = choice.get("name") or ("*" if choice.get("type") == "any" else None)
    return Asked(
        text=" ".join(block["text"] for block in last if block["type"] == "text"),
        tools={tool["name"]: tool.get("input_schema") or {} for tool in body.get("tools") or ()},
        must=must,
        may_call=choice.get("type") != "none",
        results=[_result(block) for block in last if block["type"] == "tool_result"],
        files=sum(block["type"] in ("image", "document") for block in last),
        stop=body.get("stop_sequences") or (),
        limit=body["max_tokens"],
        schema=form.get("schema"),
    )


def _blocks_of(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _result(block: Json) -> str:
    return " ".join(each.get("text", "") for each in _blocks_of(block.get("content") or ""))


def _check_order(messages: list[Json]) -> None:
    if messages[0]["role"] != "user":
        raise Refused("messages: first message must use the user role")
    called: set[str] = set()
    for message in messages:
        blocks = _blocks_of(message["content"])
        if any(block["type"] == "text" and not block["text"] for block in blocks):
            raise Refused("messages: text content blocks must be non-empty")
        given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        kinds = [block["type"] for block in blocks]
        if set(given) != called or kinds[: len(given)] != ["tool_result"] * len(given):
            raise Refused("messages: tool_result blocks must follow their tool_use blocks")
        called = {block["id"] for block in blocks if block["type"] == "tool_use"}


def _blocks(said: Said) -> list[Json]:
    blocks: list[Json] = []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": SEAL})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    return blocks + [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
        for call in said.calls
    ]


def _events(said: Said) -> list[bytes]:
    events = [wire.start(usage(said))]
    for at, block in enumerate(_blocks(said)):
        if block["type"] == "thinking":
            events.append(wire.opens(at, type="thinking", thinking="", signature=""))
            events.append(wire.delta(at, type="thinking_delta", thinking=block["thinking"]))
            events.append(wire.delta(at, type="signature_delta", signature=SEAL))
        elif block["type"] == "text":
            events.append(wire.opens(at, type="text", text=""))
            events += [wire.delta(at, type="text_delta", text=word) for word in said.words]
        else:
            events.append(wire.opens(at, **(block | {"input": {}})))
            text = json.dumps(block["input"])
            half = len(text) // 2
            for piece in (text[:half], text[half:]):
                events.append(wire.delta(at, type="input_json_delta", partial_json=piece))
        events.append(wire.closes(at))
    last = {"stop_reason": _STOP[said.stop], "stop_sequence": said.sequence}
    return [*events, wire.event("message_delta", delta=last, usage=usage(said)), wire.END]
