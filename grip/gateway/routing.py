"""Which model is meant, and which channels may serve it, in which order. Pure, but for chance.

Eligible are the enabled channels of the model's groups that serve its type and the route, as far as
the groups of key and tier and the wallet's policy allow. A higher priority goes first; among equals
chance decides, by weight. Where no channel of a model serves, its fallbacks have their turn.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter

import msgspec

from grip import errors
from grip.gateway.call import Candidate, Offer, Reach
from grip.gateway.health import Key, key_of
from grip.money.pricing import is_priced
from grip.store.records import Caller, Catalog, Channel, Model

Random = Callable[[], float]
"""Returns a number in [0, 1)."""

Rests = Callable[[Key], int]
"""Says until when a sick channel is better left alone; 0 of a well one."""


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """The models that may serve a call, and the channels of each of them."""

    offers: tuple[Offer, ...]
    eligible: tuple[tuple[Candidate, ...], ...]


def find_model(catalog: Catalog, caller: Caller, name: str, kind: str) -> Model:
    """Return the model that the client named, if it may be served to this caller as `kind`.

    Raises ModelNotFound, ModelNotAllowed or InvalidRequest.
    """
    model = catalog.find(name)
    if model is None or not model.enabled:
        raise errors.ModelNotFound(
            f"the model {name!r} does not exist here; GET /v1/models lists those that do",
            param="model",
        )
    if not _may_use(caller, model, name):
        raise errors.ModelNotAllowed(f"this API key may not use the model {name!r}", param="model")
    if model.type != kind:
        raise errors.InvalidRequest(
            f"{name!r} is a model of type {model.type}, and this route serves {kind}",
            param="model",
        )
    if not model.is_priced:
        raise errors.ModelNotFound(
            f"the model {name!r} has no complete price yet; its operator must set one",
            param="model",
        )
    return model


def visible(catalog: Catalog, caller: Caller) -> list[Model]:
    """Return the models that this caller may use, by name."""
    return [
        model
        for _, model in sorted(catalog.models.items())
        if model.enabled and model.is_priced and _may_use(caller, model)
    ]


def reach_of(
    caller: Caller,
    tier_groups: Mapping[str, frozenset[str] | None],
    *,
    kinds: Collection[str],
    region: str,
    attempts: int,
) -> Reach:
    """Return how far a caller may go: what key, tier and wallet allow, on channels of `kinds`."""
    policy = caller.providers
    return Reach(
        allowed=(
            caller.groups,
            tier_groups.get(caller.tier),
            None if policy is None else policy.allow_groups,
        ),
        providers=policy,
        kinds=kinds,
        region=region,
        attempts=attempts,
    )


def offers(
    catalog: Catalog, caller: Caller, named: Model, units: Collection[str] | None = None
) -> tuple[Offer, ...]:
    """Return the model that the client named, then its fallbacks as far as they may serve them.

    A fallback is the operator's choice; it widens nobody's list of models. `units` are the rates
    that the route counts by, where they are not those of the model's type.
    """
    first = _offer(named, units)
    if first is None:
        raise errors.ModelNotFound(
            f"the model {named.name!r} has no price for what this route counts; its operator must "
            "set one",
            param="model",
        )
    if not named.fallbacks:
        return (first,)
    found = (catalog.models.get(name) for name in named.fallbacks)
    usable = (model for model in found if model is not None and _may_use(caller, model))
    return (first, *filter(None, (_offer(model, units) for model in usable)))


def choices(catalog: Catalog, wanted: Iterable[Offer], reach: Reach) -> Choices:
    """Return the eligible channels of each model; nothing of it changes with a call."""
    found = [(offer, _eligible(catalog, offer, reach)) for offer in wanted]
    served = [(offer, eligible) for offer, eligible in found if eligible] or found[:1]
    return Choices(
        offers=tuple(offer for offer, _ in served),
        eligible=tuple(eligible for _, eligible in served),
    )


def order(found: Choices, reach: Reach, random: Random, rest_us: Rests) -> tuple[Candidate, ...]:
    """Return the eligible channels in the order in which they are to be tried.

    Those of the first model go first, of each so many as may be tried. Among channels of one
    priority, those of the gateway's own region go first, then chance decides. The sick come after
    all others, the one that has rested most first.
    """
    if len(found.eligible) == 1 and len(found.eligible[0]) == 1:
        return found.eligible[0]
    well: list[Candidate] = []
    sick: list[tuple[int, Candidate]] = []
    for eligible in found.eligible:
        ranked = sorted(eligible, key=lambda one: _rank(one.channel, reach.region, random()))
        ranked.reverse()
        rests = [rest_us(key_of(candidate)) for candidate in ranked]
        tried = sorted(range(len(ranked)), key=rests.__getitem__)[: reach.attempts]
        well += [ranked[index] for index in tried if not rests[index]]
        sick += [(rests[index], ranked[index]) for index in tried if rests[index]]
    sick.sort(key=itemgetter(0))
    return (*well, *(candidate for _, candidate in sick))


def why_not_offered(
    caller: Caller, model: Model | None, units: Collection[str] | None = None
) -> list[str]:
    """Return why a fallback is not offered to this caller; nothing where it is."""
    if model is None:
        return ["unknown"]
    found = {
        "disabled": not model.enabled,
        "price": not _is_priced(model, units),
        "key_models": not _may_use(caller, model),
    }
    return [word for word, is_so in found.items() if is_so]


def why_not_channel(model: Model, channel: Channel, reach: Reach) -> list[str]:
    """Return why a channel cannot serve a model; nothing where it is eligible.

    Its own state and type come first, then the model's groups, the route that was called, the
    wallet's policy, and whose groups in `reach.allowed` leave none of the model's.
    """
    found = {
        "disabled": not channel.enabled,
        "type": model.type not in channel.types,
        "model_groups": set(model.groups).isdisjoint(channel.groups),
        "route": channel.kind not in reach.kinds,
        "wallet_providers": reach.providers is not None and reach.providers.denies(channel),
    }
    why = [word for word, is_so in found.items() if is_so]
    groups = set(model.groups) & set(channel.groups)
    for word, restriction in zip(_RESTRICTIONS, reach.allowed, strict=False):
        if restriction is not None and groups:
            groups &= restriction
            why += [] if groups else [word]
    return why


_RESTRICTIONS = ("key_groups", "tier_groups", "wallet_groups")
"""Whose groups `Reach.allowed` are, in its order."""


def _offer(model: Model, units: Collection[str] | None) -> Offer | None:
    price = model.price
    if price is None or not model.enabled or not _is_priced(model, units):
        return None
    return Offer(model=model, price_id=price.id, sell=price.sell)


def _is_priced(model: Model, units: Collection[str] | None) -> bool:
    if model.price is None or not model.is_priced:
        return False
    return units is None or is_priced(model.price.sell, units)


def _may_use(caller: Caller, model: Model, name: str = "") -> bool:
    return caller.models is None or bool(caller.models & {name, model.name, *model.aliases})


def _eligible(catalog: Catalog, offer: Offer, reach: Reach) -> tuple[Candidate, ...]:
    model = offer.model
    groups = set(model.groups)
    for restriction in reach.allowed:
        if restriction is not None:
            groups &= restriction
    return tuple(
        Candidate(
            channel=channel,
            offer=offer,
            upstream_model=channel.model_map.get(model.name, model.name),
            buy=catalog.buy(channel.id, model),
        )
        for channel in catalog.channels
        if model.type in channel.types
        and channel.kind in reach.kinds
        and not groups.isdisjoint(channel.groups)
        and not (reach.providers is not None and reach.providers.denies(channel))
    )


def _rank(channel: Channel, region: str, chance: float) -> tuple[int, bool, float]:
    """Return a sort key that draws without replacement in proportion to weight.

    A channel goes first among its equals with probability weight / sum of weights when the keys
    are chance ** (1 / weight) (Efraimidis and Spirakis, 2006).
    """
    near = bool(region) and channel.region == region
    return channel.priority, near, chance ** (1 / channel.weight)
