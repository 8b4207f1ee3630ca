"""How a failure looks to Anthropic's clients: their types, and grip's own code beside them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from grip.errors import Category, GripError

_TYPE: Final = {
    Category.INVALID: "invalid_request_error",
    Category.UNAUTHENTICATED: "authentication_error",
    Category.PAYMENT_REQUIRED: "billing_error",
    Category.FORBIDDEN: "permission_error",
    Category.NOT_FOUND: "not_found_error",
    Category.METHOD_NOT_ALLOWED: "invalid_request_error",
    Category.CONFLICT: "conflict_error",
    Category.TOO_LARGE: "request_too_large",
    Category.UNPROCESSABLE: "invalid_request_error",
    Category.RATE_LIMITED: "rate_limit_error",
    Category.INTERNAL: "api_error",
    Category.UNAVAILABLE: "overloaded_error",
}
_DETAILS: Final = {
    "thread": {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
}
"""What Anthropic's client reads of a refusal, by the member that is refused: its runner of tools
then goes on with the whole history in each request."""
_TOO_LARGE: Final = 413


class AnthropicShape:
    """Errors as Anthropic's clients read them."""

    def id_headers(self, request_id: str) -> tuple[tuple[bytes, bytes], ...]:
        """Return grip's own header, and the one that Anthropic's clients tell their users."""
        value = request_id.encode()
        return ((b"x-grip-request-id", value), (b"request-id", value))

    def body(self, error: GripError, request_id: str) -> bytes:
        """Return the error object as a body."""
        shape: dict[str, Any] = {"type": _TYPE[error.category], "message": error.message}
        shape["code"] = error.code
        if error.param is not None:
            shape["param"] = error.param
        if error.param in _DETAILS:
            shape["details"] = _DETAILS[error.param]
        if error.metadata:
            shape["metadata"] = dict(error.metadata)
        return _body(shape, request_id)

    def refused(self, status: int, error: Mapping[str, Any], request_id: str) -> bytes:
        """Return the upstream's error; what another vendor calls it is not repeated."""
        shape = {name: value for name, value in error.items() if value is not None}
        if shape.get("type") not in _TYPE.values():
            shape["type"] = "request_too_large" if status == _TOO_LARGE else _TYPE[Category.INVALID]
        return _body(shape, request_id)

    def event(self, error: GripError, request_id: str) -> bytes:
        """Return an `error` event; no `message_stop` follows it."""
        return b"event: error\ndata: " + self.body(error, request_id) + b"\n\n"


ANTHROPIC: Final = AnthropicShape()


def _body(error: Mapping[str, Any], request_id: str) -> bytes:
    return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
