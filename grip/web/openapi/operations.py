"""What the operations of the document are made of: errors, headers, and plain reading."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from grip.web.openapi.schemas import Schema, ref

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"

CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "`invalid_request_error`: the body cannot be read, or the upstream refused it",
        401: "`invalid_api_key`: missing, unknown, revoked or expired",
        402: "`insufficient_credits`, `api_key_budget_exhausted` or `member_limit_exhausted`",
        403: "`model_not_allowed`: not on the key's list; or `metrics_forbidden`",
        404: "`model_not_found`: not for sale here; or `not_found`",
        409: "`idempotency_key_in_use`, `idempotency_result_unavailable`, or `conflict`: try later",
        413: "`request_too_large`, or the upstream's own",
        422: "`idempotency_key_reused`, or the upstream refused the request",
        429: "`rate_limit_exceeded`: `error.metadata.limit` says which",
        503: "`service_unavailable`: no channel completed the request, or the database is away",
    }
)
_KEYLESS: Final[list[Schema]] = []
ID: Final[Schema] = {
    "description": "grip's name of this request",
    "schema": {"type": "string"},
}


def header(kind: str, said: str) -> Schema:
    """Return a header of an answer."""
    return {"description": said, "schema": {"type": kind}}


IDEMPOTENCY: Final[Schema] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Asked again with it, a call is answered again and charged once.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def refusal(schema: str, code: int) -> Schema:
    """Return a reference to the answer of an error."""
    return {"$ref": f"#/components/responses/{schema}{code}"}


def failed(code: int, said: str, schema: str) -> Schema:
    """Return the answer of an error, whole."""
    headers: Schema = {"x-grip-request-id": ID}
    if code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["retry-after"] = {"description": "seconds", "schema": {"type": "integer"}}
    content = {JSON: {"schema": ref(schema)}}
    return {"description": said, "headers": headers, "content": content}


def get(
    name: str, summary: str, schema: str, *codes: int, keyless: bool = False, **more: Any
) -> Schema:
    """Return a path that is read: its answer is of `schema`, its errors are `codes`."""
    content = {JSON: {"schema": ref(schema)}}
    done = {"description": "The answer", "headers": {"x-grip-request-id": ID}, "content": content}
    refused = {str(code): refusal("Error", code) for code in codes}
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": done, **refused},
        **more,
    }
    return {"get": {**operation, "security": _KEYLESS} if keyless else operation}
