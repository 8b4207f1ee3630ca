"""How a failure looks over HTTP: one table from category to status, one shape for each wire."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from grip.errors import Category, GripError

_STATUS = {
    Category.INVALID: 400,
    Category.UNAUTHENTICATED: 401,
    Category.PAYMENT_REQUIRED: 402,
    Category.FORBIDDEN: 403,
    Category.NOT_FOUND: 404,
    Category.METHOD_NOT_ALLOWED: 405,
    Category.CONFLICT: 409,
    Category.TOO_LARGE: 413,
    Category.UNPROCESSABLE: 422,
    Category.RATE_LIMITED: 429,
    Category.INTERNAL: 500,
    Category.UNAVAILABLE: 503,
}

_TYPE = {
    Category.UNAUTHENTICATED: "authentication_error",
    Category.PAYMENT_REQUIRED: "insufficient_quota",
    Category.FORBIDDEN: "permission_error",
    Category.RATE_LIMITED: "rate_limit_error",
    Category.INTERNAL: "server_error",
    Category.UNAVAILABLE: "server_error",
}


def status_of(error: GripError) -> int:
    """Return the HTTP status of a failure."""
    return _STATUS[error.category]


def error_object(error: GripError) -> dict[str, Any]:
    """Return the error as OpenAI's clients read it, with `metadata` where there is some."""
    shape: dict[str, Any] = {
        "message": error.message,
        "type": _TYPE.get(error.category, "invalid_request_error"),
        "param": error.param,
        "code": error.code,
    }
    if error.metadata:
        shape["metadata"] = dict(error.metadata)
    return shape


def error_body(error: Mapping[str, Any]) -> bytes:
    """Return the body of an answer that carries this error object."""
    return msgspec.json.encode({"error": error})


class Shape(Protocol):
    """How errors look to the clients of one wire, and under which headers they find ids."""

    def id_headers(self, request_id: str) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers of every answer that name the call."""

    def body(self, error: GripError, request_id: str) -> bytes:
        """Return the body of an answer that tells this error."""

    def refused(self, status: int, error: Mapping[str, Any], request_id: str) -> bytes:
        """Return the body of an answer that passes an upstream's own error on."""

    def event(self, error: GripError, request_id: str) -> bytes:
        """Return the event that ends a stream with this error."""


class OpenAiShape:
    """Errors as OpenAI's clients read them."""

    def id_headers(self, request_id: str) -> tuple[tuple[bytes, bytes], ...]:
        """Return grip's own header."""
        return ((b"x-grip-request-id", request_id.encode()),)

    def body(self, error: GripError, request_id: str) -> bytes:  # noqa: ARG002 - the port's
        """Return the error object as a body."""
        return error_body(error_object(error))

    def refused(self, status: int, error: Mapping[str, Any], request_id: str) -> bytes:  # noqa: ARG002
        """Return the upstream's error object as a body."""
        return error_body(error)

    def event(self, error: GripError, request_id: str) -> bytes:
        """Return an `error` event; no `[DONE]` follows it."""
        return b"event: error\ndata: " + self.body(error, request_id) + b"\n\n"


OPENAI: Final = OpenAiShape()
