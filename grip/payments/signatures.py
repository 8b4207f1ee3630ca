"""Signatures of webhooks over the raw bytes: Stripe's `t=,v1=` and Standard Webhooks'.

Owns who is believed. Refuses what is older than five minutes or that far in the future, and never
computes anything with an empty secret.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from grip.errors import WebhookRefused, WebhookUnavailable
from grip.payments.reading import is_short

WINDOW_S: Final = 300
"""How far a call's time may be from grip's, either way."""

_PREFIX: Final = "whsec_"
_KEY_MIN: Final = 16
_HEADER_MAX: Final = 4096
_SIGNATURES_MAX: Final = 16
_DIGITS_MAX: Final = 12


def check_stripe(raw: bytes, header: str, secrets: Sequence[str], now_us: int) -> None:
    """Check `Stripe-Signature`; raises WebhookRefused, and WebhookUnavailable without a secret."""
    usable = [secret.encode() for secret in _usable(secrets)]
    _check_plain(header)
    pairs = [part.partition("=")[::2] for part in header.split(",")]
    times = [value for key, value in pairs if key == "t"]
    if len(times) != 1:
        raise WebhookRefused("its signature has no time, or several")
    _check_time(times[0], now_us)
    signed = f"{times[0]}.".encode() + raw
    given = [value for key, value in pairs if key == "v1"]
    _check_any(given, (hmac.digest(key, signed, hashlib.sha256).hex() for key in usable))


def check_standard(
    raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now_us: int
) -> str:
    """Check a call of Standard Webhooks and return its id; raises as `check_stripe` does."""
    keys = [key_of(secret) for secret in _usable(secrets)]
    call_id = headers.get("webhook-id", "")
    sent_s = headers.get("webhook-timestamp", "")
    header = headers.get("webhook-signature", "")
    _check_plain(call_id)
    _check_plain(header)
    if not is_short(call_id):
        raise WebhookRefused("its id is no id")
    _check_time(sent_s, now_us)
    signed = f"{call_id}.{sent_s}.".encode() + raw
    pairs = [part.partition(",")[::2] for part in header.split(" ")]
    given = [value for version, value in pairs if version == "v1"]
    _check_any(given, (_standard_mac(key, signed) for key in keys))
    return call_id


def sign_standard(secret: str, webhook_id: str, timestamp_s: int, raw: bytes) -> dict[str, str]:
    """Return the three headers of a call that `secret` signs."""
    signed = f"{webhook_id}.{timestamp_s}.".encode() + raw
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{_standard_mac(key_of(secret), signed)}",
    }


def key_of(secret: str) -> bytes:
    """Return the key in `whsec_…`; raises WebhookUnavailable where it is none worth the name."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if len(key) < _KEY_MIN:
        raise WebhookUnavailable(
            "this payment provider cannot be used at the moment: tell the operator",
            detail="its webhook secret is none of Standard Webhooks: whsec_ and at least 24 random "
            "bytes in base64",
        )
    return key


def _usable(secrets: Iterable[str]) -> list[str]:
    usable = [secret for secret in secrets if secret.strip()]
    if not usable:
        raise WebhookUnavailable(
            "this payment provider cannot be used at the moment: tell the operator",
            detail="it has no webhook secret; set its key webhook_secret",
        )
    return usable


def _check_plain(header: str) -> None:
    if not header:
        raise WebhookRefused("it is not signed")
    if not header.isascii() or len(header) > _HEADER_MAX:
        raise WebhookRefused("its signature cannot be read")


def _check_time(sent_s: str, now_us: int) -> None:
    if not (sent_s.isascii() and sent_s.isdigit() and len(sent_s) <= _DIGITS_MAX):
        raise WebhookRefused("its time is no number")
    if abs(now_us - int(sent_s) * 1_000_000) > WINDOW_S * 1_000_000:
        raise WebhookRefused("it is too old, or from the future")


def _check_any(given: Sequence[str], expected: Iterable[str]) -> None:
    """Compare all with all, in a time that tells nothing."""
    if len(given) > _SIGNATURES_MAX:
        raise WebhookRefused("it has too many signatures")
    matches = [hmac.compare_digest(one, other) for other in expected for one in given]
    if not any(matches):
        raise WebhookRefused("nobody who knows the secret has signed it")


def _standard_mac(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
