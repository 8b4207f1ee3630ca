"""OpenAI's embeddings by Gemini's `batchEmbedContents`: texts in, vectors out.

Older models report no usage; then the answer's `usage` is null, and the report's counts are open.
"""

import base64
import struct
from typing import Any, Final

import msgspec

from grip.errors import InvalidRequest
from grip.providers.conversation import extras, untranslatable
from grip.providers.gemini import refusals, wire
from grip.providers.gemini.names import VENDOR
from grip.providers.json_object import JsonObject
from grip.providers.openai.wire import UNREADABLE
from grip.providers.port import Answer, ChannelFault, Report, UpstreamCall

HINTS: Final = frozenset({"metadata", "prompt_cache_key", "safety_identifier", "user"})
_KNOWN: Final = frozenset({"dimensions", "encoding_format", "input", "model"}) | HINTS
_ENCODINGS: Final = ("float", "base64")
_vector = msgspec.json.Decoder(list[float])


def request(call: UpstreamCall, resource: str) -> bytes:
    """Return the body that asks `resource` for the vectors; raises InvalidRequest by name."""
    body = call.body
    members = {name: body.text_of(name) for name in body.names}
    present = {name: None if text == b"null" else text for name, text in members.items()}
    for name in extras(present, _KNOWN):
        raise untranslatable(name, VENDOR)
    _encoding(body)
    dimensions = body.get("dimensions", int)
    asked: list[dict[str, Any]] = []
    for text in _texts(body):
        one: dict[str, Any] = {"model": resource, "content": {"parts": [{"text": text}]}}
        if dimensions is not None:
            one["outputDimensionality"] = dimensions
        asked.append(one)
    return msgspec.json.encode({"requests": asked})


def answer(call: UpstreamCall, body: bytes) -> Answer:
    """Return the vectors as OpenAI's answer; raises ChannelFault where they are not all there."""
    read = wire.decode_embeddings(body)
    if read.error is not None:
        raise refusals.fault("error_in_answer", read.error)
    found = read.embeddings or []
    if len(found) != len(_texts(call.body)):
        raise ChannelFault("garbage", f"{len(found)} vectors, not one for each text")
    packed = _encoding(call.body) == "base64"
    input_tokens = wire.report(read.usage_metadata).input_tokens
    usage = None
    if input_tokens is not None:
        usage = {"prompt_tokens": input_tokens, "total_tokens": input_tokens}
    told = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": at, "embedding": _embedding(one.values, packed=packed)}
            for at, one in enumerate(found)
        ],
        "model": call.named or call.body.get("model", str, ""),
        "usage": usage,
    }
    return Answer(
        body=msgspec.json.encode(told),
        report=Report(input_tokens=input_tokens, output_tokens=None if input_tokens is None else 0),
        text="",
        upstream_id=None,
    )


def _texts(body: JsonObject) -> list[str]:
    try:
        found = msgspec.json.decode(body.text_of("input") or b"null")
    except UNREADABLE as error:
        raise InvalidRequest(f"input: {error}", param="input") from None
    if isinstance(found, str):
        return [found]
    if not isinstance(found, list) or not found:
        raise InvalidRequest("input: a text or a list of texts is needed", param="input")
    texts = [text for text in found if isinstance(text, str)]
    if len(texts) != len(found):
        raise untranslatable("input", VENDOR, "texts are needed, not lists of tokens")
    return texts


def _encoding(body: JsonObject) -> str:
    found = body.get("encoding_format", str, "float")
    if found not in _ENCODINGS:
        raise InvalidRequest(
            f"encoding_format: float or base64, not {found!r}", param="encoding_format"
        )
    return found


def _embedding(values: msgspec.Raw, *, packed: bool) -> msgspec.Raw | str:
    """Return a vector in its own words, or as base64 of 32-bit floats, little end first."""
    try:
        numbers = _vector.decode(values)
        if not packed:
            return values
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    except (*UNREADABLE, OverflowError) as error:
        raise ChannelFault("garbage", f"in a vector: {error}") from None
