"""One layer of settings: checked values by section, table and key, before defaults fill the rest.

Owns the merging of layers, and the rule that names differ by more than case and dashes. Refuses to
know where a layer comes from.
"""

import difflib
from collections.abc import Iterable

from grip.errors import ConfigurationInvalid

# The table of a section that has only one goes by the name "".
Layer = dict[str, dict[str, dict[str, object]]]


def dotted(section: str, name: str, key: str) -> str:
    """Return the key as people write it: server.port, tiers.plus.qps."""
    return ".".join(part for part in (section, name, key) if part)


def folded(name: str) -> str:
    """Return what two names that a variable cannot tell apart have in common."""
    return name.casefold().replace("-", "_")


def merged(lower: Layer, upper: Layer) -> Layer:
    """Return a new layer with the values of both, key by key; the upper one wins."""
    result: Layer = {}
    for layer in (lower, upper):
        for section, tables in layer.items():
            for name, values in tables.items():
                result.setdefault(section, {}).setdefault(name, {}).update(values)
    return result


def refuse_twins(section: str, names: Iterable[str]) -> None:
    """Refuse names that differ only in case or in - and _, since variables cannot."""
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(folded(name), name)
        if twin != name:
            where = f"{section}.{name}"
            raise ConfigurationInvalid(
                f"{where}: differs from {section}.{twin} only in case or dashes; use one of them",
                param=where,
            )


def suggestion(wrong: str, candidates: Iterable[str]) -> str:
    """Return "; did you mean …?" for the closest candidate, or nothing."""
    close = difflib.get_close_matches(wrong, list(candidates), n=1)
    return f"; did you mean {close[0]}?" if close else ""
