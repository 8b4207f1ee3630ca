"""Whether a call is fal's: an ED25519 signature over who, whom, when and what.

Refuses to believe what it says: the call is a reason to look. Wire facts: fal documentation,
"Webhooks", "Verifying Your Webhook".
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from grip.providers import task_reading
from grip.providers.task_port import WebhookRefused

WINDOW_S: Final = 300
"""How far a call's time may be from grip's."""

_SIGNED: Final = (
    "x-fal-webhook-request-id",
    "x-fal-webhook-user-id",
    "x-fal-webhook-timestamp",
)
_SIGNATURE: Final = "x-fal-webhook-signature"
_MAX_KEYS: Final = 16
_MAX_DIGITS: Final = 12


def verified(raw: bytes, headers: Mapping[str, str], keys: bytes, now_us: int) -> tuple[str, str]:
    """Return the call's own id and the job's; raises WebhookRefused."""
    told = [headers.get(name, "") for name in _SIGNED]
    if not all(told):
        raise WebhookRefused("it is not signed")
    if not (told[2].isascii() and told[2].isdigit() and len(told[2]) <= _MAX_DIGITS):
        raise WebhookRefused("its time is no number")
    if abs(now_us // 1_000_000 - int(told[2])) > WINDOW_S:
        raise WebhookRefused("it is too old, or from the future")
    message = "\n".join([*told, hashlib.sha256(raw).hexdigest()]).encode()
    _check(message, headers.get(_SIGNATURE, ""), keys)
    body = task_reading.object_in(raw) or {}
    request_id = task_reading.identity(body.get("request_id"))
    if request_id is None:
        raise WebhookRefused("it names no job")
    return told[0], request_id


def _check(message: bytes, signature: str, keys: bytes) -> None:
    try:
        signed = bytes.fromhex(signature)
    except ValueError:
        raise WebhookRefused("its signature is not hexadecimal") from None
    for key in _public_keys(keys):
        try:
            key.verify(signed, message)
        except InvalidSignature:
            continue
        return
    raise WebhookRefused("no key of fal's has signed it")


def _public_keys(keys: bytes) -> Iterator[Ed25519PublicKey]:
    """Yield the keys of a JSON Web Key Set (RFC 8037) that can be read."""
    listed = (task_reading.object_in(keys) or {}).get("keys")
    for each in listed[:_MAX_KEYS] if isinstance(listed, list) else ():
        text = each.get("x") if isinstance(each, dict) else None
        if not isinstance(text, str):
            continue
        try:
            found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            key = Ed25519PublicKey.from_public_bytes(found)
        except ValueError:
            continue
        yield key
