"""What an audit row keeps of a change: the parts that differ, before and after."""

from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]


def differing(before: Facts | None, after: Facts | None) -> tuple[Facts | None, Facts | None]:
    """Return both sides without what is alike in them; what came or went without its nulls."""
    if before is None or after is None:
        return _told(before), _told(after)
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def _told(facts: Facts | None) -> Facts | None:
    if facts is None:
        return None
    return {name: value for name, value in facts.items() if value is not None}
