"""How a sandbox model behaves, read off its upstream name.

The name is anything, then `?` and settings joined by `&`, as in
`sandbox-chat?delay_s=2&chunks=20` (map a model to it with `--map MODEL=…`):

- `delay_s=N` waits N seconds before the answer's head
- `chunk_delay_s=N` waits N seconds before each chunk of a stream
- `chunks=N` answers N words (8 unless told, 10,000 at the most)
- `fail=STATUS` answers that status with an error object, such as 400, 429 or 503
- `fail=connect` cannot be connected to, `stall` never answers, `close` closes without an answer
- `fail=garbage` answers no JSON, `error` a 200 with an error object, `cut` breaks off half-way
- `usage=none` reports no usage, `usage=zero` a usage of zero
"""

from decimal import Decimal, InvalidOperation

import msgspec

FAILURES = ("connect", "stall", "close", "garbage", "error", "cut")
_MAX_DELAY_S = 3600
_MAX_CHUNKS = 10_000


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What one sandbox model does."""

    delay_s: float = 0
    chunk_delay_s: float = 0
    chunks: int = 8
    fail: str = ""
    usage: str = ""

    @property
    def status(self) -> int:
        """The status that it fails with, 0 where it does not."""
        return int(self.fail) if self.fail.isdigit() else 0


def parse(model: str) -> Behaviour:
    """Return the behaviour in an upstream model's name; raises ValueError on what it is not."""
    _, _, settings = model.partition("?")
    found: dict[str, object] = {}
    for setting in filter(None, settings.split("&")):
        name, _, value = setting.partition("=")
        found[name] = _value(name, value)
    return Behaviour(**found)  # type: ignore[arg-type]


def _value(name: str, value: str) -> object:
    match name:
        case "delay_s" | "chunk_delay_s":
            return _seconds(value)
        case "chunks" if value.isdigit() and 1 <= int(value) <= _MAX_CHUNKS:
            return int(value)
        case "fail" if value in FAILURES or (value.isdigit() and 400 <= int(value) <= 599):  # noqa: PLR2004
            return value
        case "usage" if value in ("none", "zero"):
            return value
    raise ValueError(f"the sandbox knows no {name}={value}")


def _seconds(value: str) -> float:
    try:
        seconds = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number of seconds") from None
    if not seconds.is_finite() or not 0 <= seconds <= _MAX_DELAY_S:
        raise ValueError(f"a delay is between 0 and {_MAX_DELAY_S} seconds")
    return float(seconds)
