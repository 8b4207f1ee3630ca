"""Credits that enter or leave a wallet beside calls: transfers and counters, in one step.

Used inside the transaction of a use case, on a wallet that is locked or new in it. A credit pays
the debt first.
"""

from dataclasses import dataclass

from grip import errors
from grip.money import ledger
from grip.money.amounts import MAX_CREDITS
from grip.services.context import Context
from grip.store import ledger as journal
from grip.store import wallets
from grip.store.engine import Connection
from grip.store.records import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What is to be posted; `effect` names the business effect for ever, None makes a fresh one."""

    counterpart: ledger.Counterpart
    amount: int
    actor: str
    reason: str
    effect: str | None = None


async def credit(
    context: Context, connection: Connection, wallet: Wallet, posting: Posting
) -> Wallet:
    """Add credits to a locked wallet, its debt first; return the wallet as it stands then."""
    if wallet.balance + posting.amount > MAX_CREDITS:
        raise errors.InvalidRequest(
            f"a wallet holds at most {MAX_CREDITS} credits, and this one has {wallet.balance}",
            param="credits",
        )
    effect = await _effect(context, connection, wallet, posting)
    transfers = [ledger.credit(effect, context.new_id("trf"), posting.counterpart, posting.amount)]
    settled = ledger.settled_debt(wallet.debt, posting.amount)
    if settled:
        transfers.append(ledger.settle_debt(effect, context.new_id("trf"), settled))
    await journal.append(connection, transfers)
    await wallets.move(connection, wallet.id, balance=posting.amount - settled, debt=-settled)
    return await wallets.lock(connection, wallet.id)


async def debit(
    context: Context, connection: Connection, wallet: Wallet, posting: Posting
) -> Wallet:
    """Take credits off a locked wallet; raises InsufficientCredits where it has fewer available."""
    if posting.amount > wallet.available:
        raise errors.InsufficientCredits(
            f"the wallet has {wallet.available} credits available ({wallet.held} held by calls "
            f"under way), which does not cover {posting.amount}; debit less",
            metadata={
                "required": posting.amount,
                "available": wallet.available,
                "held": wallet.held,
            },
        )
    effect = await _effect(context, connection, wallet, posting)
    transfer = ledger.debit(effect, context.new_id("trf"), posting.counterpart, posting.amount)
    await journal.append(connection, [transfer])
    await wallets.move(connection, wallet.id, balance=-posting.amount)
    return await wallets.lock(connection, wallet.id)


async def take(
    context: Context, connection: Connection, wallet: Wallet, posting: Posting
) -> Wallet:
    """Take credits off a locked wallet; what it does not have available becomes its debt."""
    effect = await _effect(context, connection, wallet, posting)
    there = min(posting.amount, wallet.available)
    transfers = []
    if there:
        transfers.append(ledger.debit(effect, context.new_id("trf"), posting.counterpart, there))
    owed = posting.amount - there
    if owed:
        transfers.append(ledger.owe(effect, context.new_id("trf"), posting.counterpart, owed))
    await journal.append(connection, transfers)
    await wallets.move(connection, wallet.id, balance=-there, debt=owed)
    return await wallets.lock(connection, wallet.id)


async def hold(context: Context, connection: Connection, wallet: Wallet, posting: Posting) -> str:
    """Hold available credits of a locked wallet until `void` is called; return the hold's id."""
    effect = await _effect(context, connection, wallet, posting)
    held = ledger.hold(effect, context.new_id("trf"), posting.counterpart, posting.amount)
    await journal.append(connection, [held])
    await wallets.move(connection, wallet.id, held=posting.amount)
    return held.id


async def void(
    context: Context, connection: Connection, wallet: Wallet, held: ledger.Transfer, *, actor: str
) -> Wallet:
    """Give a hold of a locked wallet back whole; what is free then pays a debt first."""
    posting = Posting(
        counterpart=ledger.Counterpart(kind=held.kind, account=held.credit_account),
        amount=held.amount,
        actor=actor,
        reason=held.reason,
        effect=f"{held.id}:end",
    )
    effect = await _effect(context, connection, wallet, posting)
    transfers = [ledger.void(effect, context.new_id("trf"), held)]
    settled = ledger.settled_debt(wallet.debt, wallet.available + held.amount)
    if settled:
        transfers.append(ledger.settle_debt(effect, context.new_id("trf"), settled))
    await journal.append(connection, transfers)
    await wallets.move(connection, wallet.id, balance=-settled, debt=-settled, held=-held.amount)
    return await wallets.lock(connection, wallet.id)


async def _effect(
    context: Context, connection: Connection, wallet: Wallet, posting: Posting
) -> ledger.Effect:
    """Return the effect, at a time not before anything that the wallet has seen."""
    group_id = context.new_id("grp")
    return ledger.Effect(
        name=posting.effect or group_id,
        group_id=group_id,
        wallet_id=wallet.id,
        actor=posting.actor,
        reason=posting.reason,
        created_us=max(context.clock(), await journal.latest_us(connection, wallet.id)),
    )
