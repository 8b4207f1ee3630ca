"""Identifiers and secrets: prefixed, unique, and in time order where rows are many.

Refuses to know what an id stands for; the prefixes are those of the contract's section 1.
"""

import base64
import hashlib
import random
import secrets
import threading

_KEY_PREFIX = "sk-grip-"
_CALLBACK_PREFIX = "whsec_"
_RANDOM_BITS = 80


class IdSource:
    """Makes ids `PREFIX_` + 32 hex digits: 48 bits of milliseconds, then 80 of chance.

    Ids of one source never run backwards, even where the clock does: rows inserted in id order
    fill index pages from the right, which halves what each insert writes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def new(self, prefix: str, now_us: int) -> str:
        """Return a fresh id for `prefix` at the time `now_us` (unix microseconds)."""
        stamp = (now_us // 1000) << _RANDOM_BITS
        with self._lock:
            fresh = stamp | random.getrandbits(_RANDOM_BITS)
            self._last = fresh if fresh > self._last else self._last + 1
            return f"{prefix}_{self._last:032x}"


def new_api_key() -> str:
    """Return a fresh API key: `sk-grip-` and 43 random characters (256 bits)."""
    return _KEY_PREFIX + secrets.token_urlsafe(32)


def new_callback_secret() -> str:
    """Return a fresh secret for signatures: `whsec_` and 256 bits in base64."""
    return _CALLBACK_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_hash(api_key: str) -> str:
    """Return the SHA-256 of `api_key` in hex: all that is ever stored of it, but its last four."""
    return hashlib.sha256(api_key.encode()).hexdigest()
