"""From a call that has ended to what its detail tells: pure, and run aside from requests.

Refuses to tell more than a page of anything that others wrote, and to tell secrets: keys appear by
their ids, channels without theirs.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from grip import errors
from grip.gateway import routing
from grip.gateway.call import Attempt, Call, Candidate, Measured, Plan, Route, Ticket
from grip.money.entries import Admitted
from grip.money.limits import Standing
from grip.providers.port import Report, RequestRefused
from grip.store.records import Caller, Channel, Model
from grip.store.traces import (
    REJECTED,
    ChannelTold,
    Failure,
    ModelTold,
    RouteTold,
)

_LONGEST: Final = 300
_MOST_NAMES: Final = 100
_MOST_ATTEMPTS: Final = 50
_ANY_ORDER: Final = 2
_NOT_ADMITTED: Final = Admitted(admitted_us=0, requests=None, tokens=None)

Told = tuple[object, ...]
"""The values of one of the structs in `store.traces`, in its order: to make that costs thrice."""

Redact = Callable[[str], str]
"""Returns a text without what nobody may keep."""


class Ended(msgspec.Struct):
    """A call that has ended, as the request path knows it: references, and no work.

    `ended` is when, on the clock of `Call.started`. `plan` is None where it was refused before it
    had one, `ticket` where nothing was held. `response` is what the client got: whole, or the
    beginning of a stream of `response_bytes`, or its text; None where nothing of it is kept.
    `keeps_content` is false where neither side's content is.
    """

    call: Call
    caller: Caller
    plan: Plan | None
    ticket: Ticket | None
    outcome: str
    ended: float
    size: int
    keeps_content: bool
    report: Report | None = None
    measured: Measured | None = None
    upstream_id: str | None = None
    response: bytes | list[bytes] | str | None = None
    response_bytes: int | None = None
    grown_nano: int = 0
    failure: Failure | None = None

    @property
    def latency_ms(self) -> int:
        """How long it took."""
        return int((self.ended - self.call.started) * 1000)


def trace(ended: Ended, redact: Redact, *, logs_content: bool) -> Told:
    """Return what the call's detail tells, as a `Trace`; `redact` is for what others wrote."""
    call, plan, ticket, upstream_id = ended.call, ended.plan, ended.ticket, ended.upstream_id
    admitted = _NOT_ADMITTED if ticket is None else ticket.admitted
    return (
        call.path,
        call.model[:_LONGEST],
        call.ip,
        ended.outcome,
        call.stream,
        ended.latency_ms,
        call.first_byte_ms,
        None if plan is None else plan.catalog_version,
        None if upstream_id is None else upstream_id[:_LONGEST],
        _key(ended.caller, logs_content=logs_content),
        admitted.stood,
        _limit(admitted.requests),
        _limit(admitted.tokens),
        None if ticket is None else _hold(call, ticket, ended.grown_nano),
        () if plan is None else _order(plan.candidates),
        () if plan is None or not plan.sick else _sick(plan),
        [_attempt(call, one, redact) for one in call.attempts[:_MOST_ATTEMPTS]],
        None if ended.measured is None else _use(ended.report, ended.measured),
        None if ended.failure is None else _redacted(ended.failure, redact),
    )


def failure(error: BaseException) -> Failure:
    """Return why a call failed; raises nothing, whatever an upstream wrote.

    Of a defect, its kind: what it says may quote anything, and is in the log.
    """
    if isinstance(error, asyncio.CancelledError):
        return Failure(code=errors.ServiceUnavailable.code, message="the gateway was being stopped")
    if not isinstance(error, errors.GripError | RequestRefused):
        return Failure(code=errors.GripError.code, message=type(error).__name__)
    if isinstance(error, RequestRefused):
        said = error.error
        code = said.get("code") or said.get("type") or REJECTED
        return Failure(
            code=str(code)[:_LONGEST],
            message=str(said.get("message", ""))[:_LONGEST],
            status=error.status,
        )
    return Failure(
        code=error.code,
        message=error.message[:_LONGEST],
        detail=error.detail[:_LONGEST],
        facts=dict(error.metadata),
    )


def outcome(error: BaseException, otherwise: str) -> str:
    """Return the outcome of a call that ended with this error."""
    return REJECTED if isinstance(error, RequestRefused) else otherwise


def route(made_of: Route) -> RouteTold:
    """Return every channel for the model that was named and for its fallbacks, and why not."""
    named = made_of.model
    fallbacks = [made_of.catalog.models.get(name) for name in named.fallbacks]
    names = [named.name, *named.fallbacks]
    return RouteTold(
        attempts=made_of.reach.attempts,
        region=made_of.reach.region,
        models=[
            _model(made_of, name, model)
            for name, model in zip(names, [named, *fallbacks], strict=True)
        ],
    )


def _model(made_of: Route, name: str, model: Model | None) -> ModelTold:
    is_named = model is made_of.model
    why_not = [] if is_named else routing.why_not_offered(made_of.caller, model, made_of.units)
    if model is None or why_not:
        return ModelTold(model=name, why_not=why_not)
    catalog = made_of.catalog
    channels = sorted((*catalog.channels, *catalog.disabled), key=_by_rank)
    return ModelTold(
        model=name,
        price_id=None if model.price is None else model.price.id,
        channels=[
            ChannelTold(
                id=channel.id,
                name=channel.name,
                kind=channel.kind,
                upstream_model=channel.model_map.get(model.name, model.name),
                priority=channel.priority,
                weight=channel.weight,
                region=channel.region,
                why_not=routing.why_not_channel(model, channel, made_of.reach),
            )
            for channel in channels
        ],
    )


def _by_rank(channel: Channel) -> tuple[int, str]:
    return -channel.priority, channel.name


def _key(caller: Caller, *, logs_content: bool) -> Told:
    """Return a `KeyTold`."""
    return (
        caller.key_name,
        caller.is_owner,
        caller.tier,
        _names(caller.models),
        _names(caller.groups),
        logs_content,
    )


def _names(allowed: frozenset[str] | None) -> list[str] | None:
    return None if allowed is None else sorted(allowed)[:_MOST_NAMES]


def _limit(standing: Standing | None) -> Told | None:
    """Return a `LimitTold`."""
    if standing is None:
        return None
    return standing.limit, standing.remaining, standing.reset_us


def _hold(call: Call, ticket: Ticket, grown_nano: int) -> Told:
    """Return a `HoldTold`."""
    output_tokens = ticket.held_tokens if call.has_output else 0
    held = (ticket.held_nano, grown_nano, call.input_tokens, call.input_bound, output_tokens)
    media = call.media
    return held if media is None else (*held, media.images, media.seconds_bound, media.characters)


def _order(candidates: tuple[Candidate, ...]) -> list[Told]:
    """Return `Tried` channels in the order in which they were to be; none of one alone."""
    if len(candidates) < _ANY_ORDER:
        return []
    return [(one.channel.id, one.offer.model.name) for one in candidates]


def _sick(plan: Plan) -> list[Told]:
    """Return what was `Ailing`."""
    return [
        (one.channel_id, one.model, one.reason, one.since_us, one.until_us) for one in plan.sick
    ]


def _attempt(call: Call, attempt: Attempt, redact: Redact) -> Told:
    """Return an `AttemptTold`."""
    candidate, ended = attempt.candidate, attempt.ended
    channel, model = candidate.channel, candidate.offer.model.name
    return (
        channel.id,
        channel.name,
        channel.kind,
        model,
        "" if candidate.upstream_model == model else candidate.upstream_model,
        int((attempt.begun - call.started) * 1000),
        None if ended is None else int((ended - attempt.begun) * 1000),
        attempt.reason[:_LONGEST],
        redact(attempt.detail[:_LONGEST]) if attempt.detail else "",
    )


def _use(report: Report | None, measured: Measured) -> Told:
    """Return a `UseTold`."""
    return (
        None if report is None else msgspec.structs.astuple(report),
        measured.usage,
        measured.estimated,
        measured.cost_nano,
        measured.buy_cost_nano,
    )


def _redacted(told: Failure, redact: Redact) -> Failure:
    return msgspec.structs.replace(told, message=redact(told.message), detail=redact(told.detail))
