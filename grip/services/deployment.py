"""What is risky about the way in which grip is set up: nothing that stops it, all worth knowing."""

from grip.services.context import Context
from grip.store import boots
from grip.store.filesystems import network_kind


def risks(context: Context) -> list[str]:
    """Return a sentence for each risk that the configuration itself shows, with its remedy."""
    path = context.database.path
    kind = None if path is None else network_kind(path)
    if kind is None:
        return []
    risk = (
        f"database.url: {path} lies on a network file system ({kind}), whose locks and flushes do "
        "not keep what SQLite needs; move it to a local disk, or use PostgreSQL for several nodes"
    )
    return [risk]


async def shared_risks(context: Context, host: str) -> list[str]:
    """Return a sentence where other machines than `host` are at work on the same SQLite file."""
    if not context.database.is_sqlite:
        return []
    async with context.database.read() as connection:
        others = await boots.other_hosts(connection, host)
    risk = (
        "database.url: {} has this SQLite file open as well, or was killed moments ago; several "
        "nodes need PostgreSQL"
    )
    return [risk.format(other) for other in others]
