"""Wallets: credits by hand, each with its reason, and the tier that sets the limits."""

from collections.abc import Awaitable, Callable

from grip import errors
from grip.money import ledger
from grip.services import amounts, postings, references
from grip.services.context import Context
from grip.store import audit, tier_changes, wallets
from grip.store.engine import Connection
from grip.store.records import Wallet

_Poster = Callable[[Context, Connection, Wallet, postings.Posting], Awaitable[Wallet]]


async def list_wallets(context: Context, *, limit: int | None = None) -> list[Wallet]:
    """Return the wallets, newest first."""
    async with context.database.read() as connection:
        return await wallets.load(connection, limit=limit)


async def get(context: Context, ref: str) -> Wallet:
    """Return the wallet with this id, or owner's e-mail or name; raises NotFound or Ambiguous."""
    async with context.database.read() as connection:
        return await references.wallet(connection, ref)


async def credit(
    context: Context,
    ref: str,
    amount: int,
    *,
    actor: str,
    reason: str,
    on_account: bool = False,
) -> Wallet:
    """Add whole credits by hand, to the debt first; return the wallet as it stands then.

    Those `on_account` are billed with `grip invoices generate`. Raises InvalidRequest where amount,
    resulting balance or reason cannot be.
    """
    posting = _adjustment(amount, actor, reason, on_account=on_account)
    return await _post(context, ref, posting, action="wallet.credit", post=postings.credit)


async def debit(
    context: Context,
    ref: str,
    amount: int,
    *,
    actor: str,
    reason: str,
    on_account: bool = False,
) -> Wallet:
    """Take whole credits off by hand; return the wallet as it stands then.

    Raises InsufficientCredits where fewer are available, InvalidRequest as `credit` does.
    """
    posting = _adjustment(amount, actor, reason, on_account=on_account)
    return await _post(context, ref, posting, action="wallet.debit", post=postings.debit)


async def set_tier(context: Context, ref: str, tier: str, *, actor: str, reason: str) -> Wallet:
    """Put a wallet on a tier of the configuration; members beyond its cap stay.

    Raises NotFound where there is no such tier, Conflict where the wallet is on it.
    """
    why = amounts.reason(reason)
    if tier not in context.settings.tiers:
        known = ", ".join(context.settings.tiers)
        raise errors.NotFound(f"there is no tier {tier!r}; there are {known}", param="tier")
    async with context.database.write() as connection:
        found = await references.wallet(connection, ref)
        wallet = await wallets.lock(connection, found.id)
        if wallet.tier == tier:
            raise errors.Conflict(f"the wallet {wallet.id} is on the tier {tier} already")
        await wallets.set_tier(connection, wallet.id, old=wallet.tier, new=tier)
        await tier_changes.append(
            connection,
            wallet_id=wallet.id,
            before=wallet.tier,
            after=tier,
            actor=actor,
            reason=why,
            at_us=context.clock(),
        )
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="wallet.tier",
            subject=wallet.id,
            before={"tier": wallet.tier},
            after={"tier": tier},
            reason=why,
        )
        return await wallets.lock(connection, wallet.id)


def _adjustment(amount: int, actor: str, reason: str, *, on_account: bool) -> postings.Posting:
    return postings.Posting(
        counterpart=ledger.ON_ACCOUNT if on_account else ledger.ADJUSTMENT,
        amount=amounts.whole_credits(amount),
        actor=actor,
        reason=amounts.reason(reason),
    )


async def _post(
    context: Context, ref: str, posting: postings.Posting, *, action: str, post: _Poster
) -> Wallet:
    async with context.database.write() as connection:
        found = await references.wallet(connection, ref)
        before = await wallets.lock(connection, found.id)
        after = await post(context, connection, before, posting)
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=posting.actor,
            action=action,
            subject=before.id,
            before={"balance": before.balance, "debt": before.debt},
            after={"balance": after.balance, "debt": after.debt},
            reason=posting.reason,
        )
    return after
