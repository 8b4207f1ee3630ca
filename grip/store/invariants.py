"""What must hold of the books, each as a query that finds only what breaks it.

Counters are compared with the append-only rows that they can be rebuilt from. Nano-credits are
summed as quotients and remainders, since their plain sum would leave 64 bits. Refuses to mend.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from grip.money import ledger
from grip.money.amounts import NANO
from grip.store.invariant import SHOWN_MAX, Invariant, total, violations
from grip.store.order_invariants import (
    document_numbers,
    order_credited,
    order_documents,
    order_known,
    order_reversed,
)
from grip.store.tables import api_key, holds, ledger_transfer, member, price, task, usage, wallet
from grip.store.task_invariants import task_charge, task_hold

_transfer = ledger_transfer
_POSTED = _transfer.c.phase.in_(ledger.POSTED)
_DEBITS = usage.c.transfer_id.is_(None)
"""The rows of usage that debit: those of tasks tell what the journal did."""
_OPEN_TASK = task.c.completed_us.is_(None)


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


def _wallet_balance() -> Invariant:
    sums = _sums(
        _posting(_transfer.c.credit_account, _transfer.c.amount, _POSTED),
        _posting(_transfer.c.debit_account, -_transfer.c.amount, _POSTED),
        _posting(usage.c.wallet_id, usage.c.debt_credits - usage.c.credits, _DEBITS),
    )
    return Invariant(
        "wallet_balance",
        _counter(wallet.c.balance, wallet.c.id, sums),
        "{id}: the balance is {found}, journal and usage make {expected}",
    )


def _wallet_held() -> Invariant:
    resolution = _transfer.alias("resolution")
    is_open = ~sa.exists().where(resolution.c.pending_id == _transfer.c.id)
    sums = _sums(
        _posting(holds.c.wallet_id, holds.c.amount),
        _posting(
            _transfer.c.debit_account,
            _transfer.c.amount,
            _transfer.c.phase == ledger.PENDING,
            is_open,
        ),
    )
    return Invariant(
        "wallet_held",
        _counter(wallet.c.held, wallet.c.id, sums),
        "{id}: {found} credits are held, the open holds make {expected}",
    )


def _wallet_debt() -> Invariant:
    sums = _sums(
        _posting(_transfer.c.debit_account, _transfer.c.amount, _POSTED),
        _posting(_transfer.c.credit_account, -_transfer.c.amount, _POSTED),
        _posting(
            sa.literal(ledger.DEBT_PREFIX, sa.Text).concat(usage.c.wallet_id),
            usage.c.debt_credits,
            usage.c.debt_credits > 0,
        ),
    )
    account = sa.literal(ledger.DEBT_PREFIX, sa.Text).concat(wallet.c.id)
    return Invariant(
        "wallet_debt",
        _counter(wallet.c.debt, account, sums),
        "{id}: the debt is {found}, journal and usage make {expected}",
    )


def _wallet_overdraft() -> Invariant:
    broken = sa.or_(wallet.c.balance < wallet.c.held, wallet.c.held < 0, wallet.c.debt < 0)
    query = sa.select(wallet.c.id, wallet.c.balance, wallet.c.held, wallet.c.debt).where(broken)
    return Invariant(
        "wallet_overdraft",
        query.order_by(wallet.c.id),
        "{id}: balance {balance}, held {held}, debt {debt}",
    )


def _usage_exact() -> Invariant:
    rows = (
        sa.select(
            usage.c.wallet_id,
            total(usage.c.cost_nano // NANO).label("whole"),
            total(usage.c.cost_nano % NANO).label("rest"),
            total(usage.c.credits).label("credits"),
        )
        .group_by(usage.c.wallet_id)
        .subquery()
    )
    whole, rest, drawn = (
        sa.func.coalesce(column, 0) for column in (rows.c.whole, rows.c.rest, rows.c.credits)
    )
    query = (
        sa.select(
            wallet.c.id,
            wallet.c.carry_nano,
            (whole + rest // NANO).label("whole"),
            (rest % NANO).label("rest"),
            drawn.label("credits"),
        )
        .select_from(wallet.outerjoin(rows, rows.c.wallet_id == wallet.c.id))
        .where(sa.or_(whole + rest // NANO != drawn, rest % NANO != wallet.c.carry_nano))
        .order_by(wallet.c.id)
    )
    return Invariant(
        "usage_exact",
        query,
        "{id}: calls cost {whole} credits and {rest} nano-credits, "
        "{credits} credits were drawn and {carry_nano} nano-credits carried",
    )


def _carry_chain() -> Invariant:
    before = sa.func.lag(usage.c.carry_after, 1, 0).over(
        partition_by=usage.c.wallet_id, order_by=usage.c.seq
    )
    chain = sa.select(
        usage.c.seq,
        usage.c.wallet_id,
        usage.c.request_id,
        usage.c.carry_before,
        before.label("expected"),
    ).subquery()
    query = sa.select(chain).where(chain.c.carry_before != chain.c.expected).order_by(chain.c.seq)
    return Invariant(
        "carry_chain",
        query,
        "{request_id}: it carried {carry_before} nano-credits on, its predecessor in {wallet_id} "
        "left {expected}",
    )


def _resolution() -> Invariant:
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
        .where(_transfer.c.pending_id.is_not(None), broken)
        .order_by(_transfer.c.seq)
    )
    return Invariant("resolution", query, "{id}: this {phase} does not fit the hold {pending_id}")


def _transfer_accounts() -> Invariant:
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
        .where(broken)
        .order_by(_transfer.c.seq)
    )
    return Invariant(
        "transfer_accounts",
        query,
        "{id}: {debit_account} to {credit_account} is no transfer of the wallet {wallet_id}",
    )


def _spent(table: sa.Table, name: str, reference: sa.Column[str]) -> Invariant:
    rows = (
        sa.select(
            reference.label("id"),
            total(usage.c.cost_nano // NANO).label("whole"),
            total(usage.c.cost_nano % NANO).label("rest"),
        )
        .group_by(reference)
        .subquery()
    )
    whole, rest = (sa.func.coalesce(c, 0) for c in (rows.c.whole, rows.c.rest))
    expected, expected_nano = whole + rest // NANO, rest % NANO
    query = (
        sa.select(
            table.c.id,
            table.c.spent,
            table.c.spent_nano,
            expected.label("expected"),
            expected_nano.label("expected_nano"),
        )
        .select_from(table.outerjoin(rows, rows.c.id == table.c.id))
        .where(sa.or_(table.c.spent != expected, table.c.spent_nano != expected_nano))
        .order_by(table.c.id)
    )
    return Invariant(
        name,
        query,
        "{id}: {spent} credits and {spent_nano} nano-credits spent, "
        "its usage makes {expected} and {expected_nano}",
    )


def _held(table: sa.Table, name: str, reference: str) -> Invariant:
    open_holds = sa.union_all(
        sa.select(holds.c[reference].label("id"), holds.c.estimate_nano),
        sa.select(task.c[reference], task.c.estimate_nano).where(_OPEN_TASK),
    ).subquery()
    rows = (
        sa.select(
            open_holds.c.id,
            total(open_holds.c.estimate_nano // NANO).label("whole"),
            total(open_holds.c.estimate_nano % NANO).label("rest"),
        )
        .group_by(open_holds.c.id)
        .subquery()
    )
    whole, rest = (sa.func.coalesce(c, 0) for c in (rows.c.whole, rows.c.rest))
    expected, expected_nano = whole + rest // NANO, rest % NANO
    broken = sa.or_(
        table.c.held_nano // NANO != expected, table.c.held_nano % NANO != expected_nano
    )
    query = (
        sa.select(
            table.c.id,
            table.c.held_nano,
            expected.label("expected"),
            expected_nano.label("expected_nano"),
        )
        .select_from(table.outerjoin(rows, rows.c.id == table.c.id))
        .where(broken)
        .order_by(table.c.id)
    )
    return Invariant(
        name,
        query,
        "{id}: {held_nano} nano-credits held, its open holds make "
        "{expected} credits and {expected_nano} nano-credits",
    )


def _owners(table: sa.Table, name: str) -> Invariant:
    """Every usage row and hold names a key and a member, both of its own wallet."""
    joined = (
        table.outerjoin(wallet, wallet.c.id == table.c.wallet_id)
        .outerjoin(api_key, api_key.c.id == table.c.key_id)
        .outerjoin(member, member.c.id == table.c.member_id)
    )
    wrong = sa.or_(
        wallet.c.id.is_(None),
        api_key.c.wallet_id.is_distinct_from(table.c.wallet_id),
        api_key.c.member_id.is_distinct_from(table.c.member_id),
        member.c.wallet_id.is_distinct_from(table.c.wallet_id),
    )
    query = (
        sa.select(table.c.request_id, table.c.wallet_id, table.c.key_id, table.c.member_id)
        .select_from(joined)
        .where(wrong)
        .order_by(table.c.request_id)
    )
    return Invariant(
        name,
        query,
        "{request_id}: the wallet {wallet_id} has no key {key_id} of the member {member_id}",
    )


def _usage_hold() -> Invariant:
    open_hold = holds.join(usage, usage.c.request_id == holds.c.request_id)
    query = sa.select(holds.c.request_id).select_from(open_hold).order_by(holds.c.request_id)
    return Invariant("usage_hold", query, "{request_id}: it is charged and still held")


def _price_versions() -> Invariant:
    first, last, count = (
        sa.func.min(price.c.version),
        sa.func.max(price.c.version),
        sa.func.count(),
    )
    query = (
        sa.select(price.c.model, first.label("first"), last.label("last"), count.label("number"))
        .group_by(price.c.model)
        .having(sa.or_(first != 1, last != count))
        .order_by(price.c.model)
    )
    return Invariant(
        "price_versions", query, "{model}: {number} price versions, from {first} to {last}"
    )


ALL: Sequence[Invariant] = (
    _wallet_balance(),
    _wallet_held(),
    _wallet_debt(),
    _wallet_overdraft(),
    _resolution(),
    _transfer_accounts(),
    _usage_exact(),
    _carry_chain(),
    _usage_hold(),
    _owners(usage, "usage_owner"),
    _owners(holds, "hold_owner"),
    _spent(api_key, "key_spent", usage.c.key_id),
    _held(api_key, "key_held", "key_id"),
    _spent(member, "member_spent", usage.c.member_id),
    _held(member, "member_held", "member_id"),
    task_hold(),
    task_charge(),
    order_credited(),
    order_reversed(),
    order_documents(),
    order_known(),
    document_numbers(),
    _price_versions(),
)

__all__ = ["ALL", "SHOWN_MAX", "Invariant", "violations"]
