"""Invoices and credit notes as operators see them."""

import calendar
import re
from dataclasses import dataclass
from typing import Any, Final

from grip import errors
from grip.clock import from_iso, to_iso
from grip.money.currencies import major
from grip.services import references
from grip.services.context import Context
from grip.services.selling import agreeing, invoices
from grip.store import audit, documents, ledger, wallets
from grip.store.documents import Stored

_PERIOD: Final = re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What a month's bills came to: those that were written, and why others could not be."""

    made: list[Stored]
    missing: list[str]


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


async def generate(context: Context, period: str, *, actor: str) -> Generated:
    """Bill what was posted on account in a month; each wallet once, however often this is run.

    A wallet whose invoice lacks something is left for the next run, and holds up no other. Raises
    InvalidRequest for what is no month that is over.
    """
    from_us, to_us = _month(period, context.clock())
    async with context.database.read() as connection:
        posted = await ledger.posted_on_account(connection, from_us, to_us)
    made, missing = [], []
    for wallet_id, credits_ in posted:
        if credits_ <= 0:
            continue
        try:
            bill = await _bill(context, wallet_id, credits_, period, actor)
        except (errors.BillingProfileMissing, errors.DocumentInvalid) as error:
            missing.append(f"{wallet_id}: {error.message}")
            continue
        if bill is not None:
            made.append(bill)
    return Generated(made=made, missing=missing)


async def _bill(
    context: Context, wallet_id: str, credits_: int, period: str, actor: str
) -> Stored | None:
    """Return the invoice of a wallet's month, None where it is billed already."""
    async with context.database.write() as connection:
        await wallets.lock(connection, wallet_id)
        if await documents.by_cause(connection, wallet_id, f"account:{period}") is not None:
            return None
        profile = await agreeing.profile_of(connection, wallet_id)
        bill = agreeing.on_account(context, profile, credits_, supplied_on=_last_day(period))
        stored = await invoices.issue_on_account(context, connection, bill, period=period)
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="invoice.generate",
            subject=wallet_id,
            after={"number": stored.name, "credits": credits_, "period": period},
        )
    return stored


def _month(period: str, now_us: int) -> tuple[int, int]:
    """Return the bounds of a month that is over, in UTC."""
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise errors.InvalidRequest(f"{period!r} is no month, such as 2026-10", param="period")
    year, month = int(found[1]), int(found[2])
    after = f"{year + month // 12:04}-{month % 12 + 1:02}-01"
    from_us, to_us = from_iso(f"{period}-01"), from_iso(after)
    if to_us > now_us:
        raise errors.InvalidRequest(f"{period} is not over yet", param="period")
    return from_us, to_us


def _last_day(period: str) -> str:
    year, month = map(int, period.split("-"))
    return f"{period}-{calendar.monthrange(year, month)[1]:02}"


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
