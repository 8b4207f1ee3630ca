"""Signatures of webhooks over the raw bytes: Stripe's `t=,v1=` and Standard Webhooks'.

Owns who is believed. Refuses what is older than five minutes or that far in the future, and never
computes anything with an empty secret.
"""

import contextlib
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence

from grip import standard_webhooks
from grip.errors import WebhookRefused, WebhookUnavailable
from grip.standard_webhooks import Unproven, UnusableSecret


def check_stripe(raw: bytes, header: str, secrets: Sequence[str], now_us: int) -> None:
    """Check `Stripe-Signature`; raises WebhookRefused, and WebhookUnavailable without a secret."""
    usable = [secret.encode() for secret in _usable(secrets)]
    with _named():
        standard_webhooks.check_plain(header)
        pairs = [part.partition("=")[::2] for part in header.split(",")]
        times = [value for key, value in pairs if key == "t"]
        if len(times) != 1:
            raise Unproven("its signature has no time, or several")
        standard_webhooks.check_time(times[0], now_us)
        signed = f"{times[0]}.".encode() + raw
        given = [value for key, value in pairs if key == "v1"]
        expected = (hmac.digest(key, signed, hashlib.sha256).hex() for key in usable)
        standard_webhooks.check_any(given, expected)


def check_standard(
    raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now_us: int
) -> str:
    """Check a call of Standard Webhooks and return its id; raises as `check_stripe` does."""
    with _named():
        return standard_webhooks.verify(raw, headers, _usable(secrets), now_us)


def sign_standard(secret: str, call_id: str, sent_s: int, raw: bytes) -> dict[str, str]:
    """Return the three headers of a call that `secret` signs; raises WebhookUnavailable."""
    with _named():
        return standard_webhooks.sign([secret], call_id, sent_s, raw)


def key_of(secret: str) -> bytes:
    """Return the key in `whsec_…`; raises WebhookUnavailable where it is none worth the name."""
    with _named():
        return standard_webhooks.key_of(secret)


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Give what is wrong with a call, or with its secret, the names that routes answer with."""
    try:
        yield
    except Unproven as error:
        raise WebhookRefused(str(error)) from None
    except UnusableSecret:
        raise WebhookUnavailable(
            "this payment provider cannot be used at the moment: tell the operator",
            detail="its webhook secret is none of Standard Webhooks: whsec_ and at least 24 random "
            "bytes in base64",
        ) from None


def _usable(secrets: Iterable[str]) -> list[str]:
    usable = [secret for secret in secrets if secret.strip()]
    if not usable:
        raise WebhookUnavailable(
            "this payment provider cannot be used at the moment: tell the operator",
            detail="it has no webhook secret; set its key webhook_secret",
        )
    return usable
