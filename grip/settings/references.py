"""Which keys of a configuration refer to secrets.

Refuses to resolve them.
"""

from collections.abc import Mapping
from typing import Any

from grip.settings.kinds import Kind, OrNothing
from grip.settings.payment_keys import SecretReference
from grip.settings.schema import sections_of
from grip.settings.whole import Settings


def secret_references(settings: Settings) -> dict[str, str]:
    """Return every reference to a secret that is set, by its key, such as payments.x.api_key."""
    found: dict[str, str] = {}
    for name, section in sections_of(Settings).items():
        held = getattr(settings, name)
        tables = (
            {f"{name}.{inner}": table for inner, table in held.items()}
            if section.is_named
            else {name: held}
        )
        for title, table in tables.items():
            for key, value in _values(table, tuple(section.keys)).items():
                if value is not None and _is_reference(section.kind_of(key)):
                    found[f"{title}.{key}"] = value
    return found


def _values(table: Any, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if isinstance(table, Mapping):
        return table
    return {key: getattr(table, key) for key in keys}


def _is_reference(kind: Kind[Any] | None) -> bool:
    inner = kind.kind if isinstance(kind, OrNothing) else kind
    return isinstance(inner, SecretReference)
