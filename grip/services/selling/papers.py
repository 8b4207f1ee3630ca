"""Invoices and credit notes as operators see them."""

from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.money.currencies import major
from grip.services import references
from grip.services.context import Context
from grip.store import documents
from grip.store.documents import Stored


async def list_documents(
    context: Context, *, wallet: str | None = None, limit: int | None = None
) -> list[Stored]:
    """Return invoices and credit notes, newest first."""
    async with context.database.read() as connection:
        wallet_id = None
        if wallet is not None:
            wallet_id = (await references.wallet(connection, wallet)).id
        return await documents.load(connection, wallet_id=wallet_id, limit=limit)


async def find(context: Context, ref: str) -> Stored:
    """Return a document by its id or its number; raises NotFound."""
    async with context.database.read() as connection:
        found = await documents.find(connection, ref.strip())
    if found is None:
        raise errors.NotFound(
            f"there is no invoice {ref!r}; `grip invoices list` shows what there is"
        )
    return found


def describe(document: Stored) -> dict[str, Any]:
    """Return a document as it is listed: amounts as people write them."""
    return {
        "id": document.id,
        "number": document.name,
        "kind": document.kind,
        "issued_at": to_iso(document.issued_us),
        "wallet_id": document.wallet_id,
        "customer": document.content["customer"]["name"],
        "order_id": document.order_id,
        "currency": document.currency,
        "net": major(document.net_minor, document.currency),
        "tax": major(document.tax_minor, document.currency),
        "gross": major(document.gross_minor, document.currency),
    }
