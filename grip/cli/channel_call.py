"""The part of `grip channels test` that needs the gateway's own clients."""

from typing import Any

from grip import app as gateway
from grip.gateway.beside import Beside
from grip.gateway.health import Health
from grip.gateway.probe import probe
from grip.services import channels
from grip.services.context import Context
from grip.store import catalog
from grip.transport.network import Network


async def call_channel(
    context: Context, ref: str, model: str | None, *, actor: str
) -> dict[str, Any]:
    """Call a channel for real, enabled or not; return what it was and how long it took."""
    channel = await channels.get(context, ref)
    async with context.database.read() as connection:
        known = await catalog.load(connection)
    network = Network()
    upstream = gateway.upstream(context.settings, network, Health(context.clock), Beside())
    try:
        found = await probe(upstream, known, channel, model)
    finally:
        await network.close()
    await channels.answered(context, channel.id, found.upstream_model, actor=actor)
    return {
        "id": channel.id,
        "name": channel.name,
        "ok": True,
        "model": found.model,
        "upstream_model": found.upstream_model,
        "latency_ms": found.latency_ms,
    }
