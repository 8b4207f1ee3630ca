"""One small call to one channel, outside of any wallet: what tells whether a channel is well.

Owns the smallest request of a type, and the choice of a model to make it with.
"""

from typing import Any, Final

import msgspec

from grip import errors
from grip.gateway.call import Call, Candidate, Offer
from grip.gateway.upstream import RequestRefused, Upstream
from grip.money.pricing import Rates
from grip.providers.conversation import Untranslatable
from grip.providers.json_object import JsonObject
from grip.providers.port import ChannelFault
from grip.store.records import Catalog, Channel, Model
from grip.transport.port import TransportFault

_PATHS: Final = {"chat": "/chat/completions", "embedding": "/embeddings"}
_REQUEST_ID: Final = "req_probe"


class ChannelFailed(errors.GripError):
    """The channel did not answer a test; the message says what it did instead."""

    code = "channel_failed"
    category = errors.Category.UNAVAILABLE


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """A test that was answered."""

    model: str
    upstream_model: str
    latency_ms: int


async def probe(
    upstream: Upstream, catalog: Catalog, channel: Channel, model: str | None
) -> Probed:
    """Call the channel for real, with `model` or the first that it may serve.

    Raises InvalidRequest where there is no such model, ChannelFailed where the call failed.
    """
    chosen = _choose(upstream, catalog, channel, model)
    candidate = _candidate(channel, chosen)
    call = smallest_call(chosen)
    try:
        await upstream.attempt(call, candidate)
    except RequestRefused as refused:
        raise ChannelFailed(
            f"it refused the request with status {refused.status}: {refused.error.get('message')}"
        ) from refused
    except (ChannelFault, TransportFault, errors.SecretUnresolved, Untranslatable) as fault:
        raise ChannelFailed(str(fault)) from fault
    return Probed(
        model=chosen.name,
        upstream_model=candidate.upstream_model,
        latency_ms=call.elapsed_ms(),
    )


def find(catalog: Catalog, channel_id: str, upstream_model: str) -> Candidate | None:
    """Return what serves as this upstream model there, if it is for sale and can be asked."""
    for channel in catalog.channels:
        if channel.id == channel_id:
            for model in _eligible(catalog, channel):
                found = _candidate(channel, model)
                if (
                    found.upstream_model == upstream_model
                    and model.enabled
                    and model.type in _PATHS
                ):
                    return found
    return None


def _candidate(channel: Channel, model: Model) -> Candidate:
    return Candidate(
        channel=channel,
        offer=Offer(model=model, price_id="", sell=Rates()),
        upstream_model=channel.model_map.get(model.name, model.name),
        buy=Rates(),
    )


def _choose(upstream: Upstream, catalog: Catalog, channel: Channel, name: str | None) -> Model:
    """Return the model to test with: one of a type that the channel's kind answers at once."""
    for found in _eligible(catalog, channel) if name is None else [_named(catalog, name)]:
        path = _PATHS.get(found.type)
        if path is not None and channel.kind in upstream.kinds(path):
            return found
    raise errors.InvalidRequest(
        "no model that this channel may serve can be tested; name one with --model", param="model"
    )


def _named(catalog: Catalog, name: str) -> Model:
    found = catalog.find(name)
    if found is None:
        raise errors.InvalidRequest(f"there is no model {name!r}", param="model")
    return found


def _eligible(catalog: Catalog, channel: Channel) -> list[Model]:
    return [
        model
        for _, model in sorted(catalog.models.items())
        if model.type in channel.types and not set(model.groups).isdisjoint(channel.groups)
    ]


def smallest_call(model: Model) -> Call:
    """Return the least that can be asked of a model whose type can be asked at all."""
    body: dict[str, Any] = {"model": model.name}
    if model.type == "chat":
        body |= {"messages": [{"role": "user", "content": "Say OK."}], "max_tokens": 16}
    else:
        body["input"] = "OK"
    return Call(
        request_id=_REQUEST_ID,
        key_hash="",
        ip="",
        path=_PATHS[model.type],
        type=model.type,
        body=JsonObject(msgspec.json.encode(body)),
        model=model.name,
        input_tokens=0,
        input_bound=0,
    )
