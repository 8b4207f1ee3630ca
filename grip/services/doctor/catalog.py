"""The catalog: models that nobody can call, channels that nobody can reach, and lost margins."""

from collections.abc import Iterator
from typing import Final

from grip.services import exposure
from grip.services.context import Context
from grip.services.doctor.finding import Finding, error, listed, unless, warning
from grip.store import catalog, health
from grip.store.records import Catalog, Channel, Model

_MODELS: Final = "models"
_CHANNELS: Final = "channels"
_MARGINS: Final = "margins"


async def models(context: Context) -> list[Finding]:
    """Return which models cannot be called, and which hold credits for a guess."""
    known = await _load(context)
    found: list[Finding] = []
    offered = [model for _, model in sorted(known.models.items()) if model.enabled]
    if unpriced := [model.name for model in offered if not model.is_priced]:
        found.append(
            warning(
                _MODELS,
                f"Without a whole price, and refused: {listed(unpriced)}.",
                "Set one (grip models set MODEL --input USD --output USD), or disable them.",
            )
        )
    priced = [model for model in offered if model.is_priced]
    if orphans := [model.name for model in priced if not _is_served(known, model)]:
        found.append(
            error(
                _MODELS,
                f"On offer, and no channel serves them: {listed(orphans)}.",
                "Add or enable a channel of their type and groups (grip channels list), or disable "
                "them.",
            )
        )
    if sick := [model.name for model in priced if await _is_sick(context, known, model)]:
        found.append(
            warning(
                _MODELS,
                f"Every channel of these is sick: {listed(sick)}.",
                "See why (grip channels list), and try them (grip channels test).",
            )
        )
    if boundless := [m.name for m in priced if m.type == "chat" and m.max_output is None]:
        found.append(
            warning(
                _MODELS,
                "Without --max-output, so that a call without a limit of its own holds credits for "
                f"4,096 tokens: {listed(boundless)}.",
                "Say how much they can answer: grip models set MODEL --max-output N.",
            )
        )
    return unless(found, _MODELS, "Every model on offer can be called.")


async def channels(context: Context) -> list[Finding]:
    """Return the enabled channels that no call can come to, and why."""
    known = await _load(context)
    found = list(_unreachable(context, known))
    off = [channel.name for channel in known.disabled]
    told = "Calls can come to every channel that is enabled"
    return unless(found, _CHANNELS, f"{told}; disabled: {listed(off)}." if off else f"{told}.")


async def margins(context: Context) -> list[Finding]:
    """Return what is sold for less than it costs."""
    losing = [one for one in await exposure.exposures(context) if one.loses]
    names = [
        f"{one.model} on {one.channel.name} ({one.unit})"
        for one in losing
        if one.channel is not None
    ]
    if not names:
        return unless([], _MARGINS, "Nothing is sold below what it is known to cost.")
    return [
        warning(
            _MARGINS,
            f"Sold for less than it costs: {listed(names)}.",
            "Raise the price (grip models set), or change who serves it: grip margin exposure.",
        )
    ]


async def _load(context: Context) -> Catalog:
    async with context.database.read() as connection:
        return await catalog.load(connection)


def _unreachable(context: Context, known: Catalog) -> Iterator[Finding]:
    tiers = context.settings.tiers.values()
    for channel in known.channels:
        if not any(_serves(channel, model) for model in known.models.values() if model.enabled):
            yield warning(
                _CHANNELS,
                f"{channel.name} serves no model: none on offer is of its types "
                f"({', '.join(channel.types)}) and in its groups ({', '.join(channel.groups)}).",
                "Change its groups or types (grip channels set), add a model, or disable it.",
            )
        elif not any(t.groups is None or set(t.groups) & set(channel.groups) for t in tiers):
            yield warning(
                _CHANNELS,
                f"{channel.name} serves nobody: no tier may use its groups "
                f"({', '.join(channel.groups)}).",
                "Name one of them in groups of a [tiers.NAME], or change the channel's.",
            )


def _is_served(known: Catalog, model: Model) -> bool:
    """Return whether a model has a channel, or falls back to one that has."""
    fallbacks = (known.models.get(name) for name in model.fallbacks)
    able = (one for one in fallbacks if one is not None and one.enabled and one.is_priced)
    return any(_channels_of(known, one) for one in (model, *able))


async def _is_sick(context: Context, known: Catalog, model: Model) -> bool:
    serving = _channels_of(known, model)
    if not serving:
        return False
    async with context.database.read() as connection:
        sick = {(one.channel_id, one.model) for one in await health.load(connection) if one.is_sick}
    return all((one.id, one.model_map.get(model.name, model.name)) in sick for one in serving)


def _channels_of(known: Catalog, model: Model) -> list[Channel]:
    return [channel for channel in known.channels if _serves(channel, model)]


def _serves(channel: Channel, model: Model) -> bool:
    """Return what routing does, for a customer whose tier and key allow every group."""
    return model.type in channel.types and not set(model.groups).isdisjoint(channel.groups)
