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

Media tasks read the same name: `delay_s=N` is then how long the job takes, and the failures are,
by the stage at which they come:

- submitting: `fail=STATUS`, `connect`, `close` as above, none of which makes a job; `blocked` is
  refused for what it asks; `stall`, `garbage`, `cut` and `lost` (a connection closed without an
  answer) make one all the same, and `error` answers a 200 with an error object
- looking, as long as the job takes: `poll_STATUS`, `poll_garbage`, `poll_empty`, `poll_unknown` (a
  word that nobody has documented), `poll_close`; `backwards` goes from running back to the queue
- the end: `failed`, `policy`, `cancelled`, `expired`, `empty` (a success without a result), `never`
- results: `dead_link`, `lying_result` (a page instead of a picture), `cut_result`, `huge_result`
  (2 GB)

`cancel=accepted` (untold), `refused`, `billed` (accepted, and charged); `find=none` hides a job
that was lost; `results=N` makes fewer or more than asked for; `usage=above` reports a thousand
times as much, `usage=garbage` what is no number.
"""

from decimal import Decimal, InvalidOperation

import msgspec

FAILURES = ("connect", "stall", "close", "garbage", "error", "cut")
TASK_FAILURES = (
    *("blocked", "lost"),
    *("poll_garbage", "poll_empty", "poll_unknown", "poll_close", "backwards"),
    *("failed", "policy", "cancelled", "expired", "empty", "never"),
    *("dead_link", "lying_result", "cut_result", "huge_result"),
)
USAGES = ("none", "zero", "above", "garbage")
CANCELS = ("accepted", "refused", "billed")
POLL = "poll_"
_MAX_RESULTS = 20
_MAX_DELAY_S = 3600
_MAX_CHUNKS = 10_000


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What one sandbox model does."""

    delay_s: float = 0
    chunk_delay_s: float = 0
    chunks: int = 8
    fail: str = ""
    usage: str = ""
    cancel: str = "accepted"
    find: str = ""
    results: int | None = None

    @property
    def status(self) -> int:
        """The status that it fails with, 0 where it does not."""
        return int(self.fail) if self.fail.isdigit() else 0

    @property
    def poll_status(self) -> int:
        """The status that looks at its tasks fail with, 0 where they do not."""
        told = self.fail.removeprefix(POLL)
        return int(told) if told != self.fail and told.isdigit() else 0


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
        case "results" if value.isdigit() and int(value) <= _MAX_RESULTS:
            return int(value)
        case _ if _is_known(name, value):
            return value
    raise ValueError(f"the sandbox knows no {name}={value}")


def _is_known(name: str, value: str) -> bool:
    """Return whether a setting that is a word is one that there is."""
    match name:
        case "fail":
            status = value.removeprefix(POLL)
            is_status = status.isascii() and status.isdigit() and 400 <= int(status) <= 599  # noqa: PLR2004
            return value in FAILURES or value in TASK_FAILURES or is_status
        case "usage":
            return value in USAGES
        case "cancel":
            return value in CANCELS
        case "find":
            return value == "none"
    return False


def _seconds(value: str) -> float:
    try:
        seconds = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number of seconds") from None
    if not seconds.is_finite() or not 0 <= seconds <= _MAX_DELAY_S:
        raise ValueError(f"a delay is between 0 and {_MAX_DELAY_S} seconds")
    return float(seconds)
