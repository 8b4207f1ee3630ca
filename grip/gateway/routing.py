"""Which model is meant, and which channels may serve it, in which order. Pure, but for chance.

Eligible are the enabled channels of the model's groups that serve its type, as far as the groups
of key and tier allow. A higher priority goes first; among equals chance decides, by weight.
"""

from collections.abc import Callable, Iterable

from grip import errors
from grip.gateway.call import Candidate
from grip.store.records import Caller, Catalog, Channel, Model

Random = Callable[[], float]
"""Returns a number in [0, 1)."""


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
    if caller.models is not None and not caller.models & {name, model.name, *model.aliases}:
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
        if model.enabled
        and model.is_priced
        and (caller.models is None or caller.models & {model.name, *model.aliases})
    ]


def candidates(
    channels: Iterable[Channel],
    model: Model,
    allowed: Iterable[frozenset[str] | None],
    random: Random,
    region: str = "",
) -> tuple[Candidate, ...]:
    """Return the eligible channels in the order in which they are to be tried.

    `allowed` are the groups that key and tier allow; None allows all. Among channels of one
    priority, those of the gateway's own `region` go first.
    """
    groups = set(model.groups)
    for restriction in allowed:
        if restriction is not None:
            groups &= restriction
    eligible = [
        channel
        for channel in channels
        if model.type in channel.types and not groups.isdisjoint(channel.groups)
    ]
    if len(eligible) > 1:
        eligible.sort(key=lambda channel: _rank(channel, region, random()), reverse=True)
    return tuple(
        Candidate(channel=channel, upstream_model=channel.model_map.get(model.name, model.name))
        for channel in eligible
    )


def _rank(channel: Channel, region: str, chance: float) -> tuple[int, bool, float]:
    """Return a sort key that draws without replacement in proportion to weight.

    A channel goes first among its equals with probability weight / sum of weights when the keys
    are chance ** (1 / weight) (Efraimidis and Spirakis, 2006).
    """
    near = bool(region) and channel.region == region
    return channel.priority, near, chance ** (1 / channel.weight)
