"""The keys of a payment provider's table, whose names each provider chooses.

Owns the rule by which a key's name tells whether it holds a secret. Refuses to know any provider.
"""

import re
from typing import Any, ClassVar

from grip.errors import SecretUnresolved
from grip.settings.kinds import Kind, Text, ValueRefused, text_of
from grip.settings.secret_references import check_secret_reference

_KEY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SECRET_WORDS = frozenset({"secret", "token", "password", "passphrase", "private"})
_PUBLIC_WORDS = frozenset({"public", "publishable"})


class SecretReference(Kind[str]):
    """A reference to a secret: env:NAME, file:/path or cred:NAME."""

    is_secret: ClassVar[bool] = True

    def from_toml(self, value: object) -> str:
        """Accept a reference, checked in form alone; the secret is read when it is used."""
        reference = text_of(value)
        try:
            check_secret_reference(reference)
        except SecretUnresolved:
            # Without the value, which may be the secret itself.
            raise ValueRefused(
                "must be a reference to a secret: env:NAME, file:/absolute/path or cred:NAME"
            ) from None
        return reference


def payment_kind(key: str) -> Kind[Any] | None:
    """Return the kind of a payment provider's key, or None for a name that no key can have."""
    if not _KEY.fullmatch(key):
        return None
    words = key.split("_")
    if _SECRET_WORDS & set(words):
        return SecretReference()
    names_key = words[-1] == "key" and not _PUBLIC_WORDS & set(words)
    return SecretReference() if names_key else Text()
