"""Channels: the upstream accounts that requests are sent to, and what each may be told.

Every change bumps the catalog and leaves its audit row in one transaction. Secrets are references
all the way; their values are never read here.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from grip.clock import to_iso
from grip.errors import Conflict, NotFound
from grip.money.pricing import Rates
from grip.services import changes, prices
from grip.services.channel_checks import check, check_kind
from grip.services.context import Context
from grip.store import audit, catalog, channels, health, tasks
from grip.store.engine import Connection
from grip.store.health import Ailment
from grip.store.records import Channel

_OF_ALL: Final = ("connect", "misconfigured", "secret", "status_401", "status_402")
"""The reasons of ailments that have nothing to do with the model that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A channel to be: None takes what its kind says, timeouts what the configuration says."""

    name: str
    kind: str
    base_url: str | None = None
    secret: str | None = None
    groups: list[str] = dataclasses.field(default_factory=lambda: ["default"])
    types: list[str] | None = None
    model_map: dict[str, str] = dataclasses.field(default_factory=dict)
    priority: int = 0
    weight: int = 1
    region: str = ""
    connect_timeout_ms: int | None = None
    first_byte_timeout_ms: int | None = None
    chunk_timeout_ms: int | None = None
    total_timeout_ms: int | None = None
    drains: bool = True


async def list_channels(context: Context) -> list[Channel]:
    """Return all channels, newest first."""
    async with context.database.read() as connection:
        return await channels.load(connection)


async def ailments(context: Context) -> dict[str, list[Ailment]]:
    """Return what channels are sick with at the moment, by their ids."""
    async with context.database.read() as connection:
        known = await health.load(connection)
    found: dict[str, list[Ailment]] = {}
    for ailment in sorted(known, key=attrgetter("since_us")):
        if ailment.is_sick:
            found.setdefault(ailment.channel_id, []).append(ailment)
    return found


async def answered(context: Context, channel_id: str, upstream_model: str, *, actor: str) -> None:
    """Note that the channel has answered `actor` as this model: what that disproves is over.

    That is what ails this model, and with every model what is said of the way there: an address
    that cannot be reached, a secret that is refused, an account without money.
    """
    async with context.database.write() as connection:
        now_us = context.clock()
        ended = await health.end(connection, channel_id, now_us, model=upstream_model, also=_OF_ALL)
        await audit.append(
            connection,
            at_us=now_us,
            actor=actor,
            action="channel.test",
            subject=channel_id,
            after={"upstream_model": upstream_model, "ailments_ended": ended},
        )


async def get(context: Context, ref: str) -> Channel:
    """Return the channel with this id or name; raises NotFound."""
    async with context.database.read() as connection:
        return await _found(connection, ref)


async def add(context: Context, draft: Draft, *, actor: str, reason: str = "") -> Channel:
    """Add a channel, enabled; raises InvalidRequest where it cannot be, Conflict on its name."""
    untold = _untold(draft.kind)
    values = dataclasses.asdict(draft)
    values |= {name: value for name, value in untold.items() if values[name] is None}
    added = check(
        Channel(id=context.new_id("ch"), enabled=True, created_us=context.clock(), **values)
    )
    async with context.database.write() as connection:
        await catalog.bump(connection)
        await _refuse_twin(connection, added)
        await channels.insert(connection, added)
        await _record(
            context,
            connection,
            "channel.add",
            added.id,
            before=None,
            after=added,
            actor=actor,
            reason=reason,
        )
    return added


async def change(
    context: Context, ref: str, fields: Mapping[str, Any], *, actor: str, reason: str = ""
) -> Channel:
    """Change the fields of `Channel` that `fields` names; return the channel as it is then.

    A `base_url` or `types` of None takes what the kind says, and so does another kind where its
    own are not named. Raises NotFound, InvalidRequest, or Conflict on the name, and on another kind
    where tasks are under way: the new one's answers would be taken for the old one's.
    """
    return await _change(context, ref, fields, "channel.set", actor=actor, reason=reason)


async def enable(context: Context, ref: str, *, actor: str, reason: str = "") -> Channel:
    """Let requests go to the channel; raises NotFound."""
    fields = {"enabled": True}
    return await _change(context, ref, fields, "channel.enable", actor=actor, reason=reason)


async def disable(context: Context, ref: str, *, actor: str, reason: str = "") -> Channel:
    """Send no further request to the channel; raises NotFound."""
    fields = {"enabled": False}
    return await _change(context, ref, fields, "channel.disable", actor=actor, reason=reason)


async def remove(context: Context, ref: str, *, actor: str, reason: str = "") -> Channel:
    """Take the channel away; return what it was.

    Raises NotFound, and Conflict where tasks are under way on it: nothing else knows of them.
    """
    async with context.database.write() as connection:
        await catalog.bump(connection)
        gone = await _found(connection, ref)
        await _refuse_under_way(connection, gone, "remove it")
        costs = await channels.costs(connection, gone.id)
        await channels.delete(connection, gone.id)
        await _record(
            context,
            connection,
            "channel.remove",
            gone.id,
            before=gone,
            after=None,
            actor=actor,
            reason=reason,
            costs=costs,
        )
    return gone


def describe(channel: Channel, ailments: Sequence[Ailment] = ()) -> dict[str, Any]:
    """Return the channel as JSON knows it; timeouts in seconds, null where they are configured.

    `ailments` are the models that it is sick with at the moment.
    """
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "group": channel.groups,
        "priority": channel.priority,
        "weight": channel.weight,
        "types": channel.types,
        "region": channel.region,
        "enabled": channel.enabled,
        "health": "sick" if ailments else "ok",
        "base_url": channel.base_url,
        "secret": channel.secret,
        "map": channel.model_map,
        "connect_timeout_s": _seconds(channel.connect_timeout_ms),
        "first_byte_timeout_s": _seconds(channel.first_byte_timeout_ms),
        "chunk_timeout_s": _seconds(channel.chunk_timeout_ms),
        "total_timeout_s": _seconds(channel.total_timeout_ms),
        "hang_up": "drain" if channel.drains else "stop",
        "ailments": [
            {
                "model": ailment.model,
                "reason": ailment.reason,
                "since": to_iso(ailment.since_us),
                "until": to_iso(ailment.until_us),
            }
            for ailment in ailments
        ],
        "created_at": to_iso(channel.created_us),
    }


async def _change(
    context: Context,
    ref: str,
    fields: Mapping[str, Any],
    action: str,
    *,
    actor: str,
    reason: str,
) -> Channel:
    async with context.database.write() as connection:
        await catalog.bump(connection)
        before = await _found(connection, ref)
        after = check(dataclasses.replace(before, **_settled(before, fields)))
        if after != before:
            await _refuse_twin(connection, after)
            if after.kind != before.kind:
                await _refuse_under_way(connection, before, "change its kind")
            await channels.update(connection, after)
            # Whoever changes a channel has done something about it: it is tried at once.
            await health.end(connection, after.id, context.clock())
            await _record(
                context,
                connection,
                action,
                after.id,
                before=before,
                after=after,
                actor=actor,
                reason=reason,
            )
    return after


def _settled(before: Channel, fields: Mapping[str, Any]) -> dict[str, Any]:
    kind = fields.get("kind", before.kind)
    untold = _untold(kind)
    # What the old kind said of address and types does not hold for a new one.
    named = {**dict.fromkeys(untold), **fields} if kind != before.kind else fields
    return {
        name: untold[name] if value is None and name in untold else value
        for name, value in named.items()
    }


def _untold(kind: str) -> dict[str, Any]:
    known = check_kind(kind)
    return {"base_url": known.base_url, "types": list(known.types)}


async def _found(connection: Connection, ref: str) -> Channel:
    found = await channels.find(connection, ref)
    if found is None:
        raise NotFound(f"there is no channel {ref!r}; see: grip channels list", param="channel")
    return found


async def _refuse_twin(connection: Connection, channel: Channel) -> None:
    twin = await channels.find(connection, channel.name)
    if twin is not None and twin.id != channel.id:
        raise Conflict(f"there is a channel {channel.name!r} already", param="name")


async def _refuse_under_way(connection: Connection, channel: Channel, then: str) -> None:
    count = await tasks.count_open(connection, channel.id)
    if count:
        raise Conflict(
            f"tasks under way on {channel.name!r}: {count}; disable it, and {then} when they have "
            "ended (grip tasks list)"
        )


async def _record(
    context: Context,
    connection: Connection,
    action: str,
    subject: str,
    *,
    before: Channel | None,
    after: Channel | None,
    actor: str,
    reason: str,
    costs: Mapping[str, Rates] | None = None,
) -> None:
    old, new = changes.differing(_kept(before, costs), _kept(after))
    await audit.append(
        connection,
        at_us=context.clock(),
        actor=actor,
        action=action,
        subject=subject,
        before=old,
        after=new,
        reason=reason,
    )


def _kept(
    channel: Channel | None, costs: Mapping[str, Rates] | None = None
) -> dict[str, Any] | None:
    """Return what a row keeps of a channel, and of its own buy prices where they go with it."""
    if channel is None:
        return None
    hidden = ("health", "ailments")
    kept = {name: value for name, value in describe(channel).items() if name not in hidden}
    if costs:
        kept["costs"] = {
            model: {word: price for word, price in prices.shown(rates).items() if price is not None}
            for model, rates in costs.items()
        }
    return kept


def _seconds(milliseconds: int | None) -> float | None:
    if milliseconds is None:
        return None
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000
