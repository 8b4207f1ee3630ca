"""What wallets and the journal keep to: counters are the sum of what was posted and used.

From a checkpoint on, its balances stand for the rows before it.
"""

from typing import Any

import sqlalchemy as sa

from grip.money import ledger
from grip.store.proofs.invariant import Invariant, Since, newer, then, total
from grip.store.tables import checkpoint_balance, holds, ledger_transfer, usage, wallet

_transfer = ledger_transfer
_base = checkpoint_balance
_POSTED = _transfer.c.phase.in_(ledger.POSTED)
_DEBITS = usage.c.transfer_id.is_(None)
"""The rows of usage that debit: those of tasks tell what the journal did."""


def wallet_balance(since: Since | None) -> Invariant:
    """A balance is what was posted to the wallet, less what its usage drew."""
    moved = (_POSTED, *newer(_transfer, since))
    sums = _sums(
        *then(since, "wallet", _base.c.id.label("account"), _base.c.credits.label("amount")),
        _posting(_transfer.c.credit_account, _transfer.c.amount, *moved),
        _posting(_transfer.c.debit_account, -_transfer.c.amount, *moved),
        _posting(
            usage.c.wallet_id,
            usage.c.debt_credits - usage.c.credits,
            _DEBITS,
            *newer(usage, since),
        ),
    )
    return Invariant(
        "wallet_balance",
        _counter(wallet.c.balance, wallet.c.id, sums),
        "{id}: the balance is {found}, journal and usage make {expected}",
    )


def wallet_held(since: Since | None) -> Invariant:
    """What a wallet holds is the sum of its open holds, of calls and in the journal."""
    resolution = _transfer.alias("resolution")
    is_open = ~sa.exists().where(resolution.c.pending_id == _transfer.c.id)
    pending = (_transfer.c.phase == ledger.PENDING, is_open)
    were = then(since, "hold", _base.c.id)
    sums = _sums(
        _posting(holds.c.wallet_id, holds.c.amount),
        *(
            _posting(_transfer.c.debit_account, _transfer.c.amount, *pending, which)
            for which in (_transfer.c.id.in_(query) for query in were)
        ),
        _posting(_transfer.c.debit_account, _transfer.c.amount, *pending, *newer(_transfer, since)),
    )
    return Invariant(
        "wallet_held",
        _counter(wallet.c.held, wallet.c.id, sums),
        "{id}: {found} credits are held, the open holds make {expected}",
    )


def wallet_debt(since: Since | None) -> Invariant:
    """A debt is what the journal and the usage put on the wallet's debt account."""
    moved = (_POSTED, *newer(_transfer, since))
    prefix = sa.literal(ledger.DEBT_PREFIX, sa.Text)
    sums = _sums(
        *then(
            since,
            "wallet",
            prefix.concat(_base.c.id).label("account"),
            _base.c.debt.label("amount"),
        ),
        _posting(_transfer.c.debit_account, _transfer.c.amount, *moved),
        _posting(_transfer.c.credit_account, -_transfer.c.amount, *moved),
        _posting(
            prefix.concat(usage.c.wallet_id),
            usage.c.debt_credits,
            usage.c.debt_credits > 0,
            *newer(usage, since),
        ),
    )
    account = prefix.concat(wallet.c.id)
    return Invariant(
        "wallet_debt",
        _counter(wallet.c.debt, account, sums),
        "{id}: the debt is {found}, journal and usage make {expected}",
    )


def wallet_overdraft() -> Invariant:
    """No wallet holds more than it has, and nothing is below zero."""
    broken = sa.or_(wallet.c.balance < wallet.c.held, wallet.c.held < 0, wallet.c.debt < 0)
    query = sa.select(wallet.c.id, wallet.c.balance, wallet.c.held, wallet.c.debt).where(broken)
    return Invariant(
        "wallet_overdraft",
        query.order_by(wallet.c.id),
        "{id}: balance {balance}, held {held}, debt {debt}",
    )


def resolution(since: Since | None) -> Invariant:
    """What resolves a hold fits it, and takes no more."""
    pending = _transfer.alias("pending")
    broken = sa.or_(
        pending.c.id.is_(None),
        pending.c.phase != ledger.PENDING,
        _transfer.c.amount > pending.c.amount,
        _transfer.c.debit_account != pending.c.debit_account,
        _transfer.c.credit_account != pending.c.credit_account,
        _transfer.c.wallet_id != pending.c.wallet_id,
        sa.and_(_transfer.c.phase == ledger.VOID, _transfer.c.amount != 0),
    )
    query = (
        sa.select(_transfer.c.id, _transfer.c.phase, _transfer.c.pending_id)
        .select_from(_transfer.outerjoin(pending, pending.c.id == _transfer.c.pending_id))
        .where(_transfer.c.pending_id.is_not(None), broken, *newer(_transfer, since))
        .order_by(_transfer.c.seq)
    )
    return Invariant("resolution", query, "{id}: this {phase} does not fit the hold {pending_id}")


def transfer_accounts(since: Since | None) -> Invariant:
    """A transfer moves credits between a wallet's own accounts and grip's."""
    own = (_transfer.c.wallet_id, sa.literal(ledger.DEBT_PREFIX, sa.Text) + _transfer.c.wallet_id)
    debited, credited = _transfer.c.debit_account, _transfer.c.credit_account
    broken = sa.or_(
        wallet.c.id.is_(None),
        *(
            sa.and_(side.not_in(ledger.SYSTEM_ACCOUNTS), side.not_in(own))
            for side in (debited, credited)
        ),
    )
    query = (
        sa.select(_transfer.c.id, _transfer.c.wallet_id, debited, credited)
        .select_from(_transfer.outerjoin(wallet, wallet.c.id == _transfer.c.wallet_id))
        .where(broken, *newer(_transfer, since))
        .order_by(_transfer.c.seq)
    )
    return Invariant(
        "transfer_accounts",
        query,
        "{id}: {debit_account} to {credit_account} is no transfer of the wallet {wallet_id}",
    )


def _sums(*postings: sa.Select[Any]) -> sa.Subquery:
    """Return `account` and `total` of postings, which are pairs of those."""
    rows = sa.union_all(*postings).subquery()
    return (
        sa.select(rows.c.account, total(rows.c.amount).label("total"))
        .group_by(rows.c.account)
        .subquery()
    )


def _posting(
    account: sa.ColumnElement[Any], amount: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    return sa.select(account.label("account"), amount.label("amount")).where(*where)


def _counter(counter: sa.Column[int], account: sa.ColumnElement[Any], sums: sa.Subquery) -> Any:
    """Return the query for wallets whose counter is not the sum of their account."""
    expected = sa.func.coalesce(sums.c.total, 0)
    return (
        sa.select(wallet.c.id, counter.label("found"), expected.label("expected"))
        .select_from(wallet.outerjoin(sums, sums.c.account == account))
        .where(counter != expected)
        .order_by(wallet.c.id)
    )
