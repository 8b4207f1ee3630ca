"""Which channels could have served a request, and what became of each of them.

The catalog's part was told once for many calls; what was sick, in what order they were to be tried
and what came of it is the call's own.
"""

from typing import Any

import msgspec

from grip.clock import to_iso
from grip.store.traces import Ailing, AttemptTold, ChannelTold, ModelTold, RouteTold, Trace


def describe(route: RouteTold | None, trace: Trace | None) -> dict[str, Any] | None:
    """Return the models that could serve with their channels; None where that is not known."""
    if route is None or trace is None:
        return None
    return {
        "attempts_allowed": route.attempts,
        "region": route.region,
        "models": [_model(model, trace) for model in route.models],
    }


def attempts(trace: Trace) -> list[dict[str, Any]]:
    """Return the channels that were asked, in their order, and what came of it."""
    return [
        {
            **msgspec.structs.asdict(attempt),
            "upstream_model": attempt.upstream_model or attempt.model,
            "result": _result(attempt, trace),
        }
        for attempt in trace.attempts
    ]


def _result(attempt: AttemptTold, trace: Trace) -> str:
    """Return `served`, `failed`, `refused`, `broke` or `unfinished`."""
    if attempt.took_ms is None:
        return "unfinished"
    if attempt.reason == "refused":
        return "refused"
    if not attempt.reason:
        return "served"
    is_last = attempt is trace.attempts[-1]
    return "broke" if is_last and trace.first_byte_ms and trace.is_stream else "failed"


def _model(model: ModelTold, trace: Trace) -> dict[str, Any]:
    return {
        "model": model.model,
        "price_id": model.price_id,
        "why_not": model.why_not,
        "channels": [_channel(model, channel, trace) for channel in model.channels],
    }


def _channel(model: ModelTold, channel: ChannelTold, trace: Trace) -> dict[str, Any]:
    verdict, place = _verdict(model, channel, trace)
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "upstream_model": channel.upstream_model,
        "priority": channel.priority,
        "weight": channel.weight,
        "region": channel.region,
        "verdict": verdict,
        "place": place,
        "why_not": channel.why_not,
        "sick": _ailment(channel, trace),
    }


def _verdict(model: ModelTold, channel: ChannelTold, trace: Trace) -> tuple[str, int | None]:
    """Return what became of a channel, and its place in the order in which they were to be tried.

    `dropped` was never eligible, `beyond` had more before it than may be tried, `waiting` would
    have been next; the others were asked.
    """
    if channel.why_not:
        return "dropped", None
    wanted = (channel.id, model.model)
    asked = {(attempt.channel_id, attempt.model): attempt for attempt in trace.attempts}
    order = [(tried.channel_id, tried.model) for tried in trace.order]
    if order and wanted not in order:
        return "beyond", None
    place = order.index(wanted) + 1 if order else 1
    return (_result(asked[wanted], trace) if wanted in asked else "waiting"), place


def _ailment(channel: ChannelTold, trace: Trace) -> dict[str, Any] | None:
    for ailing in trace.sick:
        if (ailing.channel_id, ailing.upstream_model) == (channel.id, channel.upstream_model):
            return _sick(ailing)
    return None


def _sick(ailing: Ailing) -> dict[str, Any]:
    return {
        "reason": ailing.reason,
        "since": to_iso(ailing.since_us),
        "until": to_iso(ailing.until_us),
    }
