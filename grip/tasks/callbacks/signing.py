"""Signatures of callbacks, as Standard Webhooks has them: HMAC-SHA256, version v1.

Owns what is signed. Refuses to keep secrets.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

_PREFIX: Final = "whsec_"


def sign(secrets: Iterable[str], webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """Return `webhook-signature`: one signature for each secret, so that any of them verifies."""
    signed = b".".join((webhook_id.encode(), str(timestamp_s).encode(), body))
    return " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets)


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
