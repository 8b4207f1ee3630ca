"""How a failure looks over HTTP: one table from category to status, one shape for the body."""

from collections.abc import Mapping
from typing import Any

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
