"""What a detail tells of its call, as it is kept: JSON without names, since every call has one.

A later grip may tell more, behind what is told now: that is passed over when it is read. Texts of
upstreams are in `AttemptTold.detail` and in `Failure`; `silenced` takes them out, for a redaction.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from grip import errors
from grip.money.entries import Stood
from grip.money.pricing import Usage


class _Told(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A part of a trace: its values in order. Further ones may follow, none may go."""


class KeyTold(_Told, frozen=True, kw_only=True):
    """The key as it stood, and its wallet's tier; None of a list allows all."""

    name: str
    is_owner: bool
    tier: str
    models: list[str] | None
    groups: list[str] | None
    logs_content: bool


class LimitTold(_Told, frozen=True, kw_only=True):
    """How a limit stood once the call was counted."""

    limit: int
    remaining: int
    reset_us: int


class HoldTold(_Told, frozen=True, kw_only=True):
    """What was held: `nano` at first, and `grown_nano` more; `output_tokens` are what it covered.

    `input_tokens` is the estimate that an unreported input is charged by, `input_bound` the careful
    one that the hold is made of. The rest is there of media alone.
    """

    nano: int
    grown_nano: int
    input_tokens: int
    input_bound: int
    output_tokens: int
    images: int = 0
    seconds: int = 0
    characters: int = 0


class Ailing(_Told, frozen=True, kw_only=True):
    """A channel that was sick with the model when the call was routed."""

    channel_id: str
    upstream_model: str
    reason: str
    since_us: int
    until_us: int


class Tried(_Told, frozen=True, kw_only=True):
    """A channel in the order in which they were to be tried, and for which model."""

    channel_id: str
    model: str


class AttemptTold(_Told, frozen=True, kw_only=True):
    """One channel that was asked, `begun_ms` after the call came in.

    `took_ms` is None where the call had ended before it did. Without a `reason` it served. An empty
    `upstream_model` is called as the model is.
    """

    channel_id: str
    channel: str
    kind: str
    model: str
    upstream_model: str
    begun_ms: int
    took_ms: int | None
    reason: str
    detail: str


class Failure(_Told, frozen=True, kw_only=True):
    """Why the call failed: grip's own error, or the upstream's refusal with its `status`."""

    code: str
    message: str
    detail: str = ""
    status: int | None = None
    facts: dict[str, Any] = {}


class UseTold(_Told, frozen=True, kw_only=True):
    """What the upstream reported, None where it said nothing, and what that came to.

    `report` has the values of `providers.port.Report` in its order, `used` those of
    `money.pricing.Usage`.
    """

    report: tuple[Any, ...] | None
    used: Usage
    estimated: bool
    cost_nano: int
    buy_cost_nano: int | None


class Trace(_Told, frozen=True, kw_only=True):
    """How one call went. `outcome` is a status of usage rows, or one of those below.

    `order` is empty where one channel was to be tried, and no other.
    """

    path: str
    model: str
    ip: str
    outcome: str
    is_stream: bool
    latency_ms: int
    first_byte_ms: int
    catalog_version: int | None
    upstream_id: str | None
    key: KeyTold
    purse: Stood | None
    requests: LimitTold | None
    tokens: LimitTold | None
    hold: HoldTold | None
    order: list[Tried]
    sick: list[Ailing]
    attempts: list[AttemptTold]
    use: UseTold | None
    failure: Failure | None


REFUSED: Final = "refused"
"""The outcome of a call that was not admitted: nothing was held."""

REJECTED: Final = "rejected"
"""The outcome of a call that its upstream refused for what it was."""

FAILED: Final = "failed"
"""The outcome of a call that no channel completed, or that broke."""

LEFT: Final = "left"
"""The outcome of a call whose client had gone before an upstream began."""


class ChannelTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A channel of the catalog, and why it cannot serve a model here; nothing where it can."""

    id: str
    name: str
    kind: str
    upstream_model: str
    priority: int
    weight: int
    region: str = ""
    why_not: list[str] = []


class ModelTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The model that the client named, or one of its fallbacks; `why_not` as for channels."""

    model: str
    price_id: str | None = None
    why_not: list[str] = []
    channels: list[ChannelTold] = []


class RouteTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that could serve, and why the others could not, while the catalog stays as it is."""

    attempts: int
    region: str = ""
    models: list[ModelTold] = []


_trace = msgspec.json.Decoder(Trace)
_route = msgspec.json.Decoder(RouteTold)
_SILENCED: Final = "redacted"


def read_trace(text: str) -> Trace:
    """Return what a detail tells; raises BooksBroken where nobody of grip's wrote it."""
    try:
        return _trace.decode(text)
    except msgspec.MsgspecError as error:
        raise errors.BooksBroken(f"a detail cannot be read: {error}") from error


def read_route(text: str) -> RouteTold:
    """Return what a route tells; raises BooksBroken where nobody of grip's wrote it."""
    try:
        return _route.decode(text)
    except msgspec.MsgspecError as error:
        raise errors.BooksBroken(f"a route cannot be read: {error}") from error


def silenced(text: str) -> str:
    """Return the trace without what upstreams said in it: they may have quoted the content."""
    trace = read_trace(text)
    attempts = [
        replace(attempt, detail=_SILENCED) if attempt.detail else attempt
        for attempt in trace.attempts
    ]
    failure = trace.failure
    if failure is not None:
        failure = replace(failure, message=_SILENCED, detail="", facts={})
    return written(replace(trace, attempts=attempts, failure=failure))


def written(told: object) -> str:
    """Return the JSON of a trace, of the values of one, or of a route."""
    return msgspec.json.encode(told).decode()
