"""The shapes in the document: what requests need, what answers are, and how errors look.

Objects are open everywhere: what grip does not read is between client and upstream. Refuses to
repeat the vendors' own documents.
"""

from typing import Any, Final

from grip.web.surfaces.chat import MAX_CHOICES, MAX_TOKENS
from grip.web.surfaces.images import MAX_IMAGES, MAX_PARTIAL

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """Return a reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def open_object(properties: Schema, *required: str) -> Schema:
    """Return an object of these members and any others."""
    shape: Schema = {"type": "object", "properties": properties, "additionalProperties": True}
    return {**shape, "required": list(required)} if required else shape


def closed(**properties: Schema) -> Schema:
    """Return an object that has all of these members."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def listing(item: Schema, **more: Schema) -> Schema:
    """Return a list of items as OpenAI's API wraps them."""
    return closed(object={"const": "list"}, data={"type": "array", "items": item}, **more)


def _count(least: int, most: int) -> Schema:
    return {"type": ["integer", "null"], "minimum": least, "maximum": most}


_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_YES: Final[Schema] = {"type": "boolean"}
_MODEL: Final[Schema] = {"type": "string", "minLength": 1}
_MAYBE: Final[Schema] = {"type": ["boolean", "null"]}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_OBJECTS: Final[Schema] = {"type": "array", "items": {"type": "object"}}
_OPTIONS: Final[Schema] = {
    "type": ["object", "null"],
    "properties": {"include_usage": {"type": "boolean"}},
}
_TOKENS: Final[Schema] = {"type": "array", "minItems": 1, "items": _WHOLE}
_TEXTS_OR_TOKENS: Final[Schema] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "minItems": 1, "items": _TEXT},
        _TOKENS,
        {"type": "array", "minItems": 1, "items": _TOKENS},
    ]
}
_CONTENT: Final[Schema] = {"anyOf": [_TEXT, _OBJECTS, {"type": "null"}]}
_SAID: Final[Schema] = {"anyOf": [_TEXT, _OBJECTS]}

_CHAT: Final = open_object(
    {
        "model": _MODEL,
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": open_object({"role": _TEXT, "content": _CONTENT}, "role"),
        },
        "stream": _MAYBE,
        "stream_options": _OPTIONS,
        "max_tokens": _count(1, MAX_TOKENS),
        "max_completion_tokens": _count(1, MAX_TOKENS),
        "n": _count(1, MAX_CHOICES),
    },
    "model",
    "messages",
)
_COMPLETION: Final = open_object(
    {
        "model": _MODEL,
        "prompt": _TEXTS_OR_TOKENS,
        "suffix": _MAYBE_TEXT,
        "echo": _MAYBE,
        "stream": _MAYBE,
        "stream_options": _OPTIONS,
        "max_tokens": _count(0, MAX_TOKENS),
        "n": _count(1, MAX_CHOICES),
        "best_of": _count(1, MAX_CHOICES),
    },
    "model",
)
_RESPONSE: Final = open_object(
    {
        "model": _MODEL,
        "input": {"anyOf": [_MODEL, {**_OBJECTS, "minItems": 1}]},
        "instructions": _MAYBE_TEXT,
        "stream": _MAYBE,
        "background": {"enum": [False, None]},
        "max_output_tokens": _count(1, MAX_TOKENS),
        "tools": {
            "type": "array",
            "items": open_object({"type": {"enum": ["function", "custom"]}}, "type"),
        },
    },
    "model",
    "input",
)
_MESSAGE: Final = open_object({"role": _TEXT, "content": _SAID}, "role", "content")
_COUNTED: Final[Schema] = {
    "model": _MODEL,
    "messages": {"type": "array", "minItems": 1, "items": _MESSAGE},
    "system": _SAID,
    "thinking": open_object({"type": _TEXT, "budget_tokens": _WHOLE}),
    "tools": _OBJECTS,
}
_MESSAGES: Final = open_object(
    {
        **_COUNTED,
        "max_tokens": {"type": "integer", "minimum": 0, "maximum": MAX_TOKENS},
        "stream": _MAYBE,
    },
    "model",
    "max_tokens",
    "messages",
)
_PICTURE: Final[Schema] = {
    "model": _MODEL,
    "prompt": _TEXT,
    "n": _count(1, MAX_IMAGES),
    "partial_images": _count(0, MAX_PARTIAL),
    "quality": _MAYBE_TEXT,
    "size": _MAYBE_TEXT,
    "stream": _MAYBE,
}
_FILE: Final[Schema] = {"type": "string", "contentMediaType": "application/octet-stream"}
_NAMED: Final[Schema] = {"anyOf": [_MODEL, {"type": "object"}, {"type": "array", "minItems": 1}]}

_DOCUMENT: Final[Schema] = {"anyOf": [_TEXT, {"type": "object"}]}

_ERROR: Final = open_object(
    {
        "message": _TEXT,
        "type": _MAYBE_TEXT,
        "param": _MAYBE_TEXT,
        "code": {"type": ["string", "integer", "null"]},
        "metadata": {"type": "object"},
    },
    "message",
)
_TOLD: Final = closed(
    type={"const": "error"},
    error=open_object({"type": _TEXT, "message": _TEXT, "code": _TEXT}, "type", "message"),
    request_id=_TEXT,
)
_WALLET: Final = closed(
    id=_TEXT,
    owner=_TEXT,
    tier=_TEXT,
    balance=_WHOLE,
    held=_WHOLE,
    available=_WHOLE,
    debt=_WHOLE,
)
_USAGE: Final = open_object(
    {
        "request_id": _TEXT,
        "created_at": {"type": "string", "format": "date-time"},
        "key_name": _TEXT,
        "model": _TEXT,
        "ip": _TEXT,
        "status": _TEXT,
        "input_tokens": _WHOLE,
        "output_tokens": _WHOLE,
        "cost_nano": {**_WHOLE, "description": "in 10⁻⁹ credit"},
        "credits": _WHOLE,
        "balance_after": _WHOLE,
        "estimated": _YES,
    },
    "request_id",
    "created_at",
    "model",
    "cost_nano",
)
_NAMED_MODEL: Final = closed(id=_TEXT, object={"const": "model"}, created=_WHOLE, owned_by=_TEXT)
_REGION: Final = closed(id=_TEXT, endpoint=_TEXT, answers=_YES)

SCHEMAS: Final[Schema] = {
    "ChatRequest": _CHAT,
    "CompletionRequest": _COMPLETION,
    "ResponseRequest": _RESPONSE,
    "EmbeddingRequest": open_object({"model": _MODEL, "input": _TEXTS_OR_TOKENS}, "model", "input"),
    "ModerationRequest": open_object(
        {"model": _MODEL, "input": {"anyOf": [_MODEL, {**_OBJECTS, "minItems": 1}]}},
        "model",
        "input",
    ),
    "RerankRequest": open_object(
        {
            "model": _MODEL,
            "query": _MODEL,
            "documents": {"type": "array", "minItems": 1, "items": _DOCUMENT},
        },
        "model",
        "query",
        "documents",
    ),
    "MessagesRequest": _MESSAGES,
    "CountTokensRequest": open_object(_COUNTED, "model", "messages"),
    "ImageRequest": open_object(_PICTURE, "model", "prompt"),
    "ImageEditRequest": open_object({**_PICTURE, "image": _NAMED}, "model", "prompt", "image"),
    "ImageEditForm": open_object(
        {
            "model": _MODEL,
            "prompt": _TEXT,
            "image": {"anyOf": [_FILE, {"type": "array", "items": _FILE}]},
            "mask": _FILE,
        },
        "model",
        "prompt",
        "image",
    ),
    "SpeechRequest": open_object(
        {
            "model": _MODEL,
            "input": _MODEL,
            "instructions": _MAYBE_TEXT,
            "stream_format": _MAYBE_TEXT,
        },
        "model",
        "input",
    ),
    "TranscriptionForm": open_object(
        {"model": _MODEL, "file": _FILE, "prompt": _TEXT, "response_format": _TEXT},
        "model",
        "file",
    ),
    "TokenCount": open_object({"input_tokens": _WHOLE}, "input_tokens"),
    "Answer": open_object({}),
    "Model": _NAMED_MODEL,
    "Models": listing(ref("Model")),
    "Wallet": _WALLET,
    "Usage": _USAGE,
    "UsageLog": listing(ref("Usage"), has_more=_YES),
    "Region": _REGION,
    "Regions": listing(ref("Region"), region=_MAYBE_TEXT),
    "Health": open_object({"status": {"enum": ["ok", "unavailable"]}, "reason": _TEXT}, "status"),
    "Error": closed(error=_ERROR),
    "AnthropicError": _TOLD,
}
"""The components of the document."""
