"""Gemini's wire as the model by rules speaks it.

Facts: Gemini API reference, "Generating content", "Function calling", "Thinking", "Embeddings". It
is strict where Google is: members that it does not know, and calls without the seal that they came
with.
"""

import json
from typing import Any

from tests.compat.mind import Asked, Refused, Said, answer
from tests.e2e.scripts import VECTOR, event, streams, whole
from tests.e2e.upstream import Exchange

Json = dict[str, Any]

SEAL = "c2VhbGVk"
_KNOWN = frozenset(
    [
        "cachedContent",
        "contents",
        "generationConfig",
        "model",
        "safetySettings",
        "serviceTier",
        "store",
        "systemInstruction",
        "toolConfig",
        "tools",
    ]
)
_FINISH = {
    "end": "STOP",
    "length": "MAX_TOKENS",
    "tool": "STOP",
    "sequence": "STOP",
    "refusal": "SAFETY",
}


def speaks(exchange: Exchange) -> None:
    """Answer a request for content, for vectors, or for a count of tokens."""
    body = exchange.request.json
    method = exchange.request.path.partition("?")[0].rpartition(":")[2]
    if method == "countTokens":
        whole(b'{"totalTokens": 17}')(exchange)
        return
    if method == "batchEmbedContents":
        vectors = [{"values": VECTOR} for _ in body["requests"]]
        told = {"embeddings": vectors, "usageMetadata": {"promptTokenCount": 8}}
        whole(json.dumps(told).encode())(exchange)
        return
    try:
        said = answer(read(body))
    except Refused as refusal:
        error = {"code": 400, "message": str(refusal), "status": "INVALID_ARGUMENT"}
        whole(json.dumps({"error": error}).encode(), status=refusal.status)(exchange)
        return
    if method == "generateContent":
        whole(json.dumps(_chunk(_parts(said), said, is_last=True)).encode())(exchange)
        return
    pieces = [[part] for part in _streamed(said)] + [[{"text": ""}]]
    chunks = [_chunk(parts, said, is_last=parts is pieces[-1]) for parts in pieces]
    streams(event(json.dumps(chunk).encode()) for chunk in chunks)(exchange)


def read(body: Json) -> Asked:
    """Return what a request asks for; raises Refused where Google would refuse it."""
    unknown = body.keys() - _KNOWN
    if unknown:
        raise Refused(f"Unknown name {min(unknown)!r}: Cannot find field.")
    for content in body["contents"]:
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and "thoughtSignature" not in calls[0]:
            raise Refused("Function call is missing a thought_signature in functionCall parts.")
    last = body["contents"][-1]["parts"] if body["contents"][-1]["role"] == "user" else []
    config = body.get("generationConfig") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames")
    return Asked(
        text=" ".join(part["text"] for part in last if "text" in part),
        tools={
            one["name"]: one.get("parametersJsonSchema") or one.get("parameters") or {}
            for tool in body.get("tools") or ()
            for one in tool["functionDeclarations"]
        },
        must=(allowed or ["*"])[0] if calling.get("mode") == "ANY" else None,
        may_call=calling.get("mode") != "NONE",
        results=[
            str(part["functionResponse"]["response"]) for part in last if "functionResponse" in part
        ],
        files=sum("inlineData" in part or "fileData" in part for part in last),
        stop=config.get("stopSequences") or (),
        limit=config.get("maxOutputTokens"),
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        is_json=config.get("responseMimeType") == "application/json",
    )


def _parts(said: Said) -> list[Json]:
    parts: list[Json] = [{"text": said.thought, "thought": True}] if said.thought else []
    parts += [{"text": said.text}] if said.text else []
    return parts + _calls(said)


def _streamed(said: Said) -> list[Json]:
    parts: list[Json] = [{"text": said.thought, "thought": True}] if said.thought else []
    return parts + [{"text": word} for word in said.words] + _calls(said)


def _calls(said: Said) -> list[Json]:
    parts: list[Json] = []
    for at, call in enumerate(said.calls):
        made = {"id": call.id, "name": call.name, "args": json.loads(call.arguments)}
        parts.append({"functionCall": made} | ({} if at else {"thoughtSignature": SEAL}))
    return parts


def _chunk(parts: list[Json], said: Said, *, is_last: bool) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    used = {"promptTokenCount": said.input, "cachedContentTokenCount": said.cached}
    if is_last:
        candidate["finishReason"] = _FINISH[said.stop]
        used |= {"candidatesTokenCount": said.output, "totalTokenCount": said.input + said.output}
    return {
        "candidates": [candidate],
        "usageMetadata": used,
        "modelVersion": "gemini-fake",
        "responseId": "r-fake",
    }
