"""OpenAI's responses as the model by rules speaks them, whole and as typed events.

Facts: OpenAI API reference, "Responses" and "Streaming events".
"""

import json
from collections.abc import Mapping
from typing import Any

from tests.compat.mind import Asked, Said, answer
from tests.e2e.scripts import streams, whole
from tests.e2e.upstream import Exchange

Json = dict[str, Any]

_RESPONSE: Json = {"id": "resp_fake", "object": "response", "created_at": 1_700_000_000}


def respond(exchange: Exchange, body: Json) -> None:
    """Answer a request for a response; raises Refused where the model does."""
    said = answer(_read_response(body))
    items = _items(said)
    finished = _RESPONSE | {
        "model": body["model"],
        "status": "completed",
        "output": items,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "text": body.get("text") or {"format": {"type": "text"}},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": _response_usage(said),
    }
    if not body.get("stream"):
        whole(json.dumps(finished).encode())(exchange)
        return
    begun = finished | {"status": "in_progress", "output": [], "usage": None}
    said_events = [
        ("response.created", {"response": begun}),
        *_item_events(items),
        ("response.completed", {"response": finished}),
    ]
    streams(
        f"event: {kind}\ndata: ".encode()
        + json.dumps({"type": kind, "sequence_number": at, **members}).encode()
        + b"\n\n"
        for at, (kind, members) in enumerate(said_events)
    )(exchange)


def _response_usage(said: Said) -> Json:
    return {
        "input_tokens": said.input,
        "input_tokens_details": {"cached_tokens": said.cached},
        "output_tokens": said.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.input + said.output,
    }


def _read_response(body: Json) -> Asked:
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else list(given or ())
    form = (body.get("text") or {}).get("format") or {}
    return Asked(
        text=" ".join(texts(item["content"]) for item in items if item.get("role") == "user"),
        tools={tool["name"]: tool["parameters"] for tool in body.get("tools") or ()},
        must=forced(body.get("tool_choice")),
        results=[str(item["output"]) for item in items if "output" in item],
        schema=form.get("schema"),
        is_json=form.get("type") == "json_object",
    )


def _items(said: Said) -> list[Json]:
    if not said.calls:
        text = {"type": "output_text", "text": said.text, "annotations": []}
        item = {"id": "msg_fake", "type": "message", "role": "assistant", "status": "completed"}
        return [item | {"content": [text]}]
    return [
        {
            "id": f"fc_{call.id}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }
        for call in said.calls
    ]


def _item_events(items: list[Json]) -> list[tuple[str, Json]]:
    events: list[tuple[str, Json]] = []
    for at, item in enumerate(items):
        where = {"output_index": at}
        inner = where | {"item_id": item["id"]}
        if item["type"] == "message":
            (part,) = item["content"]
            inner |= {"content_index": 0}
            empty = item | {"content": [], "status": "in_progress"}
            events.append(("response.output_item.added", where | {"item": empty}))
            events.append(("response.content_part.added", inner | {"part": part | {"text": ""}}))
            events += [
                ("response.output_text.delta", inner | {"delta": word, "logprobs": []})
                for word in Said(text=part["text"]).words
            ]
            told = inner | {"text": part["text"], "logprobs": []}
            events.append(("response.output_text.done", told))
            events.append(("response.content_part.done", inner | {"part": part}))
        else:
            empty = item | {"arguments": "", "status": "in_progress"}
            whole_ = inner | {"arguments": item["arguments"], "name": item["name"]}
            events.append(("response.output_item.added", where | {"item": empty}))
            delta = inner | {"delta": item["arguments"]}
            events.append(("response.function_call_arguments.delta", delta))
            events.append(("response.function_call_arguments.done", whole_))
        events.append(("response.output_item.done", where | {"item": item}))
    return events


def forced(choice: Any) -> str | None:
    """Return the tool that must be called, `*` for any."""
    if not isinstance(choice, Mapping):
        return "*" if choice == "required" else None
    if choice["type"] == "allowed_tools":
        choice = choice["allowed_tools"]["tools"][0]
    return str(choice.get("name") or choice["function"]["name"])


def texts(content: Any) -> str:
    """Return the words of a content."""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or ())
