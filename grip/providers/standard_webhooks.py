"""Whether a call is signed as Standard Webhooks has it (standardwebhooks.com): HMAC-SHA256.

Refuses without a secret: an upstream whose secret is unknown has not called.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from grip.providers.task_port import WebhookRefused

WINDOW_S: Final = 300
"""How far a call's time may be from grip's."""

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_MAX_SIGNATURES: Final = 16
_MAX_DIGITS: Final = 12
_MIN_SECRET: Final = 16


def verified(raw: bytes, headers: Mapping[str, str], secret: str, now_us: int) -> str:
    """Return the id of a call that `secret` has signed; raises WebhookRefused."""
    call_id = headers.get("webhook-id", "")
    sent_s = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (call_id and sent_s and signatures):
        raise WebhookRefused("it is not signed")
    if not (sent_s.isascii() and sent_s.isdigit() and len(sent_s) <= _MAX_DIGITS):
        raise WebhookRefused("its time is no number")
    if abs(now_us // 1_000_000 - int(sent_s)) > WINDOW_S:
        raise WebhookRefused("it is too old, or from the future")
    signed = f"{call_id}.{sent_s}.".encode() + raw
    expected = base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256))
    for each in signatures.split(" ")[:_MAX_SIGNATURES]:
        version, _, signature = each.partition(",")
        if version == _VERSION and hmac.compare_digest(signature.encode(), expected):
            return call_id
    raise WebhookRefused("nobody who knows the secret has signed it")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if len(key) < _MIN_SECRET:
        raise WebhookRefused("there is no usable secret to check it with")
    return key
