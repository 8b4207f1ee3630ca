"""OpenAI's wire as the model by rules speaks it: chat, completions and what has no words.

Facts: OpenAI API reference; its Python SDK. It is strict where OpenAI is: results of tools follow
their calls, and a call is answered before anything else is said.
"""

import json
from typing import Any

from tests.compat.mind import Asked, Refused, Said, answer
from tests.compat.responses_speech import forced, respond, texts
from tests.e2e.scripts import DONE, embeddings, event, streams, whole
from tests.e2e.upstream import Exchange

Json = dict[str, Any]

_FINISH = {
    "end": "stop",
    "length": "length",
    "tool": "tool_calls",
    "sequence": "stop",
    "refusal": "content_filter",
}


def speaks(exchange: Exchange) -> None:
    """Answer a request for any route of OpenAI's API."""
    asked = exchange.request.json
    path = exchange.request.path.partition("?")[0]
    try:
        if path.endswith("/embeddings"):
            whole(embeddings(asked))(exchange)
        elif path.endswith("/moderations"):
            whole(_moderation())(exchange)
        elif path.endswith("/rerank"):
            whole(_reranked())(exchange)
        elif path.endswith("/responses"):
            respond(exchange, asked)
        elif path.endswith("/chat/completions"):
            _chat(exchange, asked)
        else:
            _complete(exchange, asked)
    except Refused as refusal:
        error = {"message": str(refusal), "type": "invalid_request_error", "param": "messages"}
        whole(json.dumps({"error": error | {"code": "refused"}}).encode(), status=refusal.status)(
            exchange
        )


def usage(said: Said) -> Json:
    """Return the usage of a chat."""
    return {
        "prompt_tokens": said.input,
        "completion_tokens": said.output,
        "total_tokens": said.input + said.output,
        "prompt_tokens_details": {
            "cached_tokens": said.cached,
            "cache_write_tokens": said.written,
        },
        "completion_tokens_details": {"reasoning_tokens": 1 if said.thought else 0},
    }


def read(body: Json) -> Asked:
    """Return what a chat asks for."""
    messages = body["messages"]
    _check_order(messages)
    last = _since_the_model(messages)
    form = body.get("response_format") or {}
    choice = body.get("tool_choice")
    return Asked(
        text=" ".join(texts(message["content"]) for message in last if message["role"] == "user"),
        tools={
            tool["function"]["name"]: tool["function"].get("parameters") or {}
            for tool in body.get("tools") or ()
            if "function" in tool
        },
        must=forced(choice),
        may_call=choice != "none",
        results=[texts(message["content"]) for message in last if message["role"] == "tool"],
        files=sum(_files(message["content"]) for message in last),
        stop=_list(body.get("stop")),
        limit=body.get("max_completion_tokens") or body.get("max_tokens"),
        schema=(form.get("json_schema") or {}).get("schema"),
        is_json=form.get("type") == "json_object",
    )


def _list(stop: Any) -> list[str]:
    return [stop] if isinstance(stop, str) else list(stop or ())


def _since_the_model(messages: list[Json]) -> list[Json]:
    own = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    return messages[own[-1] + 1 :] if own else messages


def _check_order(messages: list[Json]) -> None:
    """Refuse results without their calls, and calls without their results."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refused("a message of the role tool must follow its tool_calls")
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            raise Refused("tool_calls must be followed by tool messages")
        open_calls |= {call["id"] for call in message.get("tool_calls") or ()}


def _files(content: Any) -> int:
    if not isinstance(content, list):
        return 0
    return sum("text" not in str(part["type"]) for part in content)


def _choice(said: Said) -> Json:
    message: Json = {"role": "assistant", "content": said.text or None}
    if said.thought:
        message["reasoning_content"] = said.thought
    if said.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in said.calls
        ]
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[said.stop]}


def _chat(exchange: Exchange, body: Json) -> None:
    said = answer(read(body))
    head = {"id": "chatcmpl-fake", "created": 1_700_000_000, "model": body["model"]}
    if not body.get("stream"):
        choices = [_choice(said) | {"index": at} for at in range(body.get("n") or 1)]
        made = head | {"object": "chat.completion", "choices": choices, "usage": usage(said)}
        whole(json.dumps(made).encode())(exchange)
        return
    wants = (body.get("stream_options") or {}).get("include_usage")
    head |= {"object": "chat.completion.chunk"}
    chunks = [
        head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in _deltas(said)
    ]
    chunks += [head | {"choices": [], "usage": usage(said)}] if wants else []
    streams([*(event(json.dumps(chunk).encode()) for chunk in chunks), DONE])(exchange)


def _deltas(said: Said) -> list[tuple[Json, str | None]]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": said.thought}] if said.thought else []
    deltas += [{"content": word} for word in said.words]
    for at, call in enumerate(said.calls):
        named = {"name": call.name, "arguments": ""}
        half = len(call.arguments) // 2
        begun = {"index": at, "id": call.id, "type": "function", "function": named}
        deltas.append({"tool_calls": [begun]})
        for piece in (call.arguments[:half], call.arguments[half:]):
            deltas.append({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    return [*((delta, None) for delta in deltas), ({}, _FINISH[said.stop])]


def _complete(exchange: Exchange, body: Json) -> None:
    said = answer(Asked(text=str(body["prompt"]), stop=_list(body.get("stop"))))
    head = {"id": "cmpl-fake", "object": "text_completion", "created": 1, "model": body["model"]}
    if not body.get("stream"):
        choice = {"index": 0, "text": said.text, "logprobs": None, "finish_reason": "stop"}
        whole(json.dumps(head | {"choices": [choice], "usage": usage(said)}).encode())(exchange)
        return
    pieces = [(word, None) for word in said.words] + [("", "stop")]
    events = [
        head | {"choices": [{"index": 0, "text": word, "logprobs": None, "finish_reason": finish}]}
        for word, finish in pieces
    ]
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append(head | {"choices": [], "usage": usage(said)})
    streams([*(event(json.dumps(each).encode()) for each in events), DONE])(exchange)


def _moderation() -> bytes:
    result = {"flagged": True, "categories": {}, "category_scores": {}}
    made = {"id": "modr-fake", "model": "omni", "results": [result]}
    return json.dumps(made | {"usage": {"prompt_tokens": 4, "total_tokens": 4}}).encode()


def _reranked() -> bytes:
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    return json.dumps(
        {"id": "rerank-fake", "results": results, "meta": {"billed_units": {"search_units": 1}}}
    ).encode()
