"""Standard Webhooks (standardwebhooks.com), version v1: who has signed a call, and signing one.

HMAC-SHA256 over id, time and raw body. Refuses what is older than five minutes or that far in the
future, and to compute anything with a secret that is none.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

WINDOW_S: Final = 300
"""How far a call's time may be from grip's, either way."""

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_KEY_MIN: Final = 16
_ID_MAX: Final = 255
_HEADER_MAX: Final = 4096
_SIGNATURES_MAX: Final = 16
_DIGITS_MAX: Final = 12


class Unproven(Exception):
    """A call that nobody who knows the secret is known to have made; its text says why."""


class UnusableSecret(Exception):
    """There is no secret worth the name to check a call with."""


def verify(raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now_us: int) -> str:
    """Return the id of a call that one of `secrets` has signed; `headers` are in lower case.

    Raises Unproven, and UnusableSecret where none, or one that is none, was handed in.
    """
    if not secrets:
        raise UnusableSecret
    keys = [key_of(secret) for secret in secrets]
    call_id = headers.get("webhook-id", "")
    sent_s = headers.get("webhook-timestamp", "")
    header = headers.get("webhook-signature", "")
    check_plain(call_id)
    check_plain(header)
    if len(call_id) > _ID_MAX or not call_id.isprintable():
        raise Unproven("its id is no id")
    check_time(sent_s, now_us)
    pairs = [part.partition(",")[::2] for part in header.split(" ")]
    given = [value for version, value in pairs if version == _VERSION]
    check_any(given, (_mac(key, call_id, sent_s, raw) for key in keys))
    return call_id


def sign(secrets: Iterable[str], call_id: str, sent_s: int, raw: bytes) -> dict[str, str]:
    """Return the three headers of a call, with a signature for each secret: any of them verifies.

    Raises UnusableSecret.
    """
    macs = [_mac(key_of(secret), call_id, str(sent_s), raw) for secret in secrets]
    return {
        "webhook-id": call_id,
        "webhook-timestamp": str(sent_s),
        "webhook-signature": " ".join(f"{_VERSION},{mac}" for mac in macs),
    }


def key_of(secret: str) -> bytes:
    """Return the key in `whsec_…`; raises UnusableSecret where it is none, or a short one."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if len(key) < _KEY_MIN:
        raise UnusableSecret
    return key


def check_plain(header: str) -> None:
    """Raise Unproven where a header is not there, or is nothing to be read."""
    if not header:
        raise Unproven("it is not signed")
    if not header.isascii() or len(header) > _HEADER_MAX:
        raise Unproven("its signature cannot be read")


def check_time(sent_s: str, now_us: int) -> None:
    """Raise Unproven where a call's time is none, or not of now."""
    if not (sent_s.isascii() and sent_s.isdigit() and len(sent_s) <= _DIGITS_MAX):
        raise Unproven("its time is no number")
    if abs(now_us - int(sent_s) * 1_000_000) > WINDOW_S * 1_000_000:
        raise Unproven("it is too old, or from the future")


def check_any(given: Sequence[str], expected: Iterable[str]) -> None:
    """Compare all with all, in a time that tells nothing; raises Unproven."""
    if len(given) > _SIGNATURES_MAX:
        raise Unproven("it has too many signatures")
    matches = [hmac.compare_digest(one, other) for other in expected for one in given]
    if not any(matches):
        raise Unproven("nobody who knows the secret has signed it")


def _mac(key: bytes, call_id: str, sent_s: str, raw: bytes) -> str:
    signed = f"{call_id}.{sent_s}.".encode() + raw
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
