"""The body of a callback, in the shape of Standard Webhooks."""

from collections.abc import Mapping
from typing import Any

import msgspec

from grip.clock import to_iso


def message(event: str, *, at_us: int, data: Mapping[str, Any]) -> bytes:
    """Return the bytes that tell of `event` (`task.completed`), `data` being the public task."""
    return msgspec.json.encode({"type": event, "timestamp": to_iso(at_us), "data": data})
