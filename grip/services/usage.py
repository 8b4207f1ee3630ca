"""The usage log: every charged call, newest first."""

from dataclasses import asdict
from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.services import references
from grip.services.context import Context
from grip.store import usage
from grip.store.records import UsageRow


def describe(row: UsageRow) -> dict[str, Any]:
    """Return all that is known of a charged call; what the operator pays is among it."""
    shown = asdict(row)
    del shown["seq"], shown["created_us"]
    return {"request_id": row.request_id, "created_at": to_iso(row.created_us), **shown}


async def list_usage(
    context: Context,
    *,
    wallet: str | None = None,
    key: str | None = None,
    model: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
    limit: int | None = None,
) -> list[UsageRow]:
    """Return the charged calls at [from, to) of a wallet, a key and a model, or of all.

    `wallet` and `key` are references as commands take them; `model` may be an alias.
    """
    async with context.database.read() as connection:
        wallet_id = None if wallet is None else (await references.wallet(connection, wallet)).id
        key_id = None if key is None else (await references.key(connection, key)).id
        return await usage.load(
            connection,
            wallet_id=wallet_id,
            key_id=key_id,
            model=model,
            from_us=from_us,
            to_us=to_us,
            limit=limit,
        )


async def page(
    context: Context, *, wallet_id: str, member_id: str | None, after: str | None, limit: int
) -> list[UsageRow]:
    """Return the charged calls of a wallet, or of one member in it, older than `after`."""
    async with context.database.read() as connection:
        return await usage.load(
            connection, wallet_id=wallet_id, member_id=member_id, after=after, limit=limit
        )


async def get(context: Context, request_id: str) -> UsageRow:
    """Return the charged call with this request id; raises NotFound where none was charged."""
    async with context.database.read() as connection:
        row = await usage.find(connection, request_id.strip())
    if row is None:
        raise errors.NotFound(
            f"no charged call has the id {request_id!r}; a call that failed is not charged"
        )
    return row
