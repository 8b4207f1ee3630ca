"""The document put together: every route with its parameters, its answers and its errors."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

import msgspec

import grip
from grip.web.openapi.checkout import CHECKOUT_PATHS, CHECKOUT_SCHEMAS
from grip.web.openapi.operations import (
    CODES,
    FORM,
    ID,
    IDEMPOTENCY,
    JSON,
    failed,
    get,
    header,
    refusal,
)
from grip.web.openapi.schemas import SCHEMAS, Schema, ref
from grip.web.openapi.tasks import TASK_PATHS, TASK_SCHEMAS

SSE: Final = "text/event-stream"
SOUND: Final = "audio/*"


class Metered(msgspec.Struct, frozen=True, kw_only=True):
    """A route that models answer on: the schemas of its requests by their types, and of answers.

    `answers` are the types of an answer, and its schema for JSON. `is_anthropics` routes have the
    errors and the key of Anthropic's wire; one that is `free` has no charge and no Idempotency-Key.
    """

    summary: str
    takes: Mapping[str, str]
    answers: Mapping[str, str] = MappingProxyType({JSON: "Answer", SSE: ""})
    is_anthropics: bool = False
    free: bool = False


_WHOLE: Final = MappingProxyType({JSON: "Answer"})

METERED: Final[Mapping[str, Metered]] = MappingProxyType(
    {
        "/v1/chat/completions": Metered(summary="Chat", takes={JSON: "ChatRequest"}),
        "/v1/completions": Metered(summary="Go on with a text", takes={JSON: "CompletionRequest"}),
        "/v1/responses": Metered(summary="Create a response", takes={JSON: "ResponseRequest"}),
        "/v1/embeddings": Metered(
            summary="Turn texts into vectors", takes={JSON: "EmbeddingRequest"}, answers=_WHOLE
        ),
        "/v1/moderations": Metered(
            summary="Judge texts and images", takes={JSON: "ModerationRequest"}, answers=_WHOLE
        ),
        "/v1/rerank": Metered(
            summary="Put documents in order", takes={JSON: "RerankRequest"}, answers=_WHOLE
        ),
        "/v1/images/generations": Metered(summary="Make images", takes={JSON: "ImageRequest"}),
        "/v1/images/edits": Metered(
            summary="Change images", takes={FORM: "ImageEditForm", JSON: "ImageEditRequest"}
        ),
        "/v1/audio/speech": Metered(
            summary="Speak a text", takes={JSON: "SpeechRequest"}, answers={SOUND: "", SSE: ""}
        ),
        "/v1/audio/transcriptions": Metered(
            summary="Write down what is said",
            takes={FORM: "TranscriptionForm"},
            answers={JSON: "Answer", SSE: "", "text/plain": ""},
        ),
        "/v1/messages": Metered(
            summary="Create a message", takes={JSON: "MessagesRequest"}, is_anthropics=True
        ),
        "/v1/messages/count_tokens": Metered(
            summary="Count the tokens of a message",
            takes={JSON: "CountTokensRequest"},
            answers={JSON: "TokenCount"},
            is_anthropics=True,
            free=True,
        ),
    }
)
"""The routes that models answer on, as `web/routes/metered.py` serves them."""

_CHARGE: Final[Schema] = {
    "x-grip-credits": header("integer", "whole credits drawn; not on streams"),
    "x-grip-cost-nano": header("integer", "the cost in 10⁻⁹ credit; not on streams"),
    "x-grip-model": header("string", "the model that served instead of the one named"),
}


@cache
def document() -> bytes:
    """Return the document as JSON."""
    paths = {path: {"post": _post(path, told)} for path, told in METERED.items()}
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "grip",
                "version": grip.__version__,
                "description": "One key for every model, prepaid credits, exact books.",
            },
            "security": [{"bearer": []}],
            "paths": {**paths, **TASK_PATHS, **CHECKOUT_PATHS, **_PLAIN},
            "components": {
                "schemas": {**SCHEMAS, **TASK_SCHEMAS, **CHECKOUT_SCHEMAS},
                "responses": {
                    f"{schema}{code}": failed(code, said, schema)
                    for schema in ("Error", "AnthropicError")
                    for code, said in CODES.items()
                },
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "metrics": {"type": "http", "scheme": "bearer"},
                    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                },
            },
        }
    )


def _post(path: str, told: Metered) -> Schema:
    error = "AnthropicError" if told.is_anthropics else "Error"
    contents = {kind: {"schema": ref(name)} for kind, name in told.takes.items()}
    codes = [code for code in CODES if not told.free or code not in (402, 409)]
    headers = {"x-grip-request-id": ID} | ({} if told.free else _CHARGE)
    shown = {kind: {"schema": ref(name)} if name else {} for kind, name in told.answers.items()}
    done = {"description": "The answer", "headers": headers, "content": shown}
    operation: Schema = {
        "operationId": path.removeprefix("/v1/").replace("/", "_"),
        "summary": told.summary,
        "requestBody": {"required": True, "content": contents},
        "responses": {
            "200": done,
            **{str(code): refusal(error, code) for code in codes},
        },
    }
    if not told.free:
        operation["parameters"] = [IDEMPOTENCY]
    if told.is_anthropics:
        operation["security"] = [{"x-api-key": []}, {"bearer": []}]
    return operation


def _metrics() -> Schema:
    """Return the path of the page for Prometheus, which has a token of its own."""
    path = get("metrics", "What the operator's Prometheus reads", "Answer", 403)
    operation = path["get"]
    operation["security"] = [{}, {"metrics": []}]
    operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return path


_KEYED: Final = (401, 503)
_PLAIN: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "/v1/models": get("models", "The models that the key may use", "Models", *_KEYED),
        "/v1/models/{name}": get(
            "model",
            "One of them; names may have slashes",
            "Model",
            *(401, 404, 503),
            parameters=[
                {
                    "name": "name",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "minLength": 1},
                }
            ],
        ),
        "/v1/wallet": get("wallet", "The wallet that the key draws from", "Wallet", *_KEYED),
        "/v1/usage": get(
            "usage",
            "Charged calls, newest first: all of the wallet to its owner, to a member their own",
            "UsageLog",
            *(400, 401, 503),
            parameters=[
                {
                    "name": "limit",
                    "in": "query",
                    "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                },
                {
                    "name": "after",
                    "in": "query",
                    "description": "the request_id of the last call of the page before",
                    "schema": {"type": "string"},
                },
            ],
        ),
        "/v1/regions": get("regions", "Where grip can be reached", "Regions", keyless=True),
        "/healthz": get("healthz", "Whether the process lives", "Health", keyless=True),
        "/readyz": get("readyz", "Whether it can serve", "Health", keyless=True),
        "/metrics": _metrics(),
        "/openapi.json": get("openapi", "This document", "Answer", keyless=True),
    }
)
"""The routes that cost nothing and count nothing."""

_UNREADY: Final[Schema] = {
    "description": "The database is away, or its schema outdated",
    "content": {JSON: {"schema": ref("Health")}},
}
_PLAIN["/readyz"]["get"]["responses"]["503"] = _UNREADY
