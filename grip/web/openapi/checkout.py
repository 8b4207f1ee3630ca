"""Buying credits in the document: the path of a checkout, and its shapes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from grip.web.openapi.operations import IDEMPOTENCY, JSON, get
from grip.web.openapi.schemas import Schema, closed, ref

_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_LINK: Final[Schema] = {"type": ["string", "null"], "maxLength": 2000}
_AMOUNT: Final[Schema] = {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,3})?$"}

CHECKOUT_SCHEMAS: Final[Schema] = {
    "CheckoutRequest": {
        "type": "object",
        "properties": {
            "package": _MAYBE_TEXT,
            "amount": {"anyOf": [_AMOUNT, {"type": "null"}]},
            "currency": _MAYBE_TEXT,
            "provider": _MAYBE_TEXT,
            "success_url": _LINK,
            "cancel_url": _LINK,
        },
        "additionalProperties": False,
    },
    "CheckoutSession": closed(
        id=_TEXT,
        object={"const": "checkout.session"},
        url=_TEXT,
        expires_at=_TEXT,
        provider=_TEXT,
        order_id=_TEXT,
        package=_MAYBE_TEXT,
        title=_TEXT,
        credits=_WHOLE,
        bonus=_WHOLE,
        currency=_TEXT,
        net=_TEXT,
        tax=_TEXT,
        tax_name=_TEXT,
        tax_rate=_TEXT,
        tax_reason=_MAYBE_TEXT,
        gross=_TEXT,
        terms_url=_MAYBE_TEXT,
        refund_policy_url=_MAYBE_TEXT,
        legal_version=_MAYBE_TEXT,
    ),
}
"""The components that a checkout adds."""

_CODES: Final = (400, 401, 403, 404, 409, 413, 422, 503)


def _begins() -> Schema:
    more: dict[str, Any] = {
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": ref("CheckoutRequest")}},
        },
        "parameters": [IDEMPOTENCY],
    }
    summary = "Begin to buy credits: what is paid for what, and where to pay"
    operation: Schema = get("checkout_begin", summary, "CheckoutSession", *_CODES, **more)["get"]
    return operation


CHECKOUT_PATHS: Final[Mapping[str, Schema]] = MappingProxyType(
    {"/v1/checkout/sessions": {"post": _begins()}}
)
"""The path of a checkout."""
