"""What must hold of the books, each as a query that finds only what breaks it.

Counters are compared with the append-only rows that they can be rebuilt from. Nano-credits are
summed as quotients and remainders, since their plain sum would leave 64 bits. From a checkpoint on,
its balances stand for the rows before it. Refuses to mend.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from grip.money import ledger
from grip.money.amounts import NANO
from grip.store.columns import Int
from grip.store.invariant import SHOWN_MAX, Invariant, Since, newer, total, violations
from grip.store.order_invariants import (
    document_numbers,
    order_credited,
    order_documents,
    order_known,
    order_reversed,
)
from grip.store.tables import (
    api_key,
    checkpoint_balance,
    holds,
    ledger_transfer,
    member,
    price,
    task,
    usage,
    wallet,
)
from grip.store.task_invariants import task_charge, task_hold

_transfer = ledger_transfer
_base = checkpoint_balance
_POSTED = _transfer.c.phase.in_(ledger.POSTED)
_DEBITS = usage.c.transfer_id.is_(None)
"""The rows of usage that debit: those of tasks tell what the journal did."""
_OPEN_TASK = task.c.completed_us.is_(None)
_NOTHING = sa.literal(0, Int)


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


def _then(since: Since | None, kind: str, *columns: sa.ColumnElement[Any]) -> list[sa.Select[Any]]:
    """Return the query for what a checkpoint says of accounts of one kind; none without one."""
    if since is None:
        return []
    return [
        sa.select(*columns).where(
            _base.c.checkpoint_id == since.checkpoint_id, _base.c.kind == kind
        )
    ]


def _counter(counter: sa.Column[int], account: sa.ColumnElement[Any], sums: sa.Subquery) -> Any:
    """Return the query for wallets whose counter is not the sum of their account."""
    expected = sa.func.coalesce(sums.c.total, 0)
    return (
        sa.select(wallet.c.id, counter.label("found"), expected.label("expected"))
        .select_from(wallet.outerjoin(sums, sums.c.account == account))
        .where(counter != expected)
        .order_by(wallet.c.id)
    )


def _wallet_balance(since: Since | None) -> Invariant:
    moved = (_POSTED, *newer(_transfer, since))
    sums = _sums(
        *_then(since, "wallet", _base.c.id.label("account"), _base.c.credits.label("amount")),
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


def _wallet_held(since: Since | None) -> Invariant:
    resolution = _transfer.alias("resolution")
    is_open = ~sa.exists().where(resolution.c.pending_id == _transfer.c.id)
    pending = (_transfer.c.phase == ledger.PENDING, is_open)
    were = _then(since, "hold", _base.c.id)
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


def _wallet_debt(since: Since | None) -> Invariant:
    moved = (_POSTED, *newer(_transfer, since))
    prefix = sa.literal(ledger.DEBT_PREFIX, sa.Text)
    sums = _sums(
        *_then(
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


def _wallet_overdraft() -> Invariant:
    broken = sa.or_(wallet.c.balance < wallet.c.held, wallet.c.held < 0, wallet.c.debt < 0)
    query = sa.select(wallet.c.id, wallet.c.balance, wallet.c.held, wallet.c.debt).where(broken)
    return Invariant(
        "wallet_overdraft",
        query.order_by(wallet.c.id),
        "{id}: balance {balance}, held {held}, debt {debt}",
    )


def _then_cost(whole: sa.ColumnElement[int]) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the columns of what calls cost before a checkpoint and drew no credits for yet."""
    return (
        _base.c.id,
        whole.label("whole"),
        _base.c.nano.label("rest"),
        _NOTHING.label("credits"),
    )


def _costs(reference: sa.Column[str], since: Since | None, *then: sa.Select[Any]) -> sa.Subquery:
    """Return `id`, `whole` and `rest` of what usage cost by `reference`, and `credits` drawn."""
    calls = sa.select(
        reference.label("id"),
        (usage.c.cost_nano // NANO).label("whole"),
        (usage.c.cost_nano % NANO).label("rest"),
        usage.c.credits,
    ).where(*newer(usage, since))
    rows = sa.union_all(*then, calls).subquery()
    sums = (total(rows.c[name]).label(name) for name in ("whole", "rest", "credits"))
    return sa.select(rows.c.id, *sums).group_by(rows.c.id).subquery()


def _usage_exact(since: Since | None) -> Invariant:
    then = _then(since, "wallet", *_then_cost(_NOTHING))
    rows = _costs(usage.c.wallet_id, since, *then)
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
        .select_from(wallet.outerjoin(rows, rows.c.id == wallet.c.id))
        .where(sa.or_(whole + rest // NANO != drawn, rest % NANO != wallet.c.carry_nano))
        .order_by(wallet.c.id)
    )
    return Invariant(
        "usage_exact",
        query,
        "{id}: calls cost {whole} credits and {rest} nano-credits, "
        "{credits} credits were drawn and {carry_nano} nano-credits carried",
    )


def _carry_chain(since: Since | None) -> Invariant:
    columns = ("seq", "wallet_id", "request_id", "carry_before", "carry_after")
    calls = sa.select(*(usage.c[name] for name in columns)).where(*newer(usage, since))
    rows: Any = usage
    if since is not None:
        # What a wallet carried on then stands before its first row, and follows upon nothing.
        then = sa.select(
            sa.literal(since.marks[usage.name], Int).label("seq"),
            _base.c.id.label("wallet_id"),
            sa.literal("", sa.Text).label("request_id"),
            sa.cast(sa.null(), Int).label("carry_before"),
            _base.c.nano.label("carry_after"),
        ).where(_base.c.checkpoint_id == since.checkpoint_id, _base.c.kind == "wallet")
        rows = sa.union_all(then, calls).subquery()
    before = sa.func.lag(rows.c.carry_after, 1, 0).over(
        partition_by=rows.c.wallet_id, order_by=rows.c.seq
    )
    chain = sa.select(
        rows.c.seq,
        rows.c.wallet_id,
        rows.c.request_id,
        rows.c.carry_before,
        before.label("expected"),
    ).subquery()
    query = sa.select(chain).where(chain.c.carry_before != chain.c.expected).order_by(chain.c.seq)
    return Invariant(
        "carry_chain",
        query,
        "{request_id}: it carried {carry_before} nano-credits on, its predecessor in {wallet_id} "
        "left {expected}",
    )


def _resolution(since: Since | None) -> Invariant:
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


def _transfer_accounts(since: Since | None) -> Invariant:
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


def _spent(table: sa.Table, kind: str, reference: sa.Column[str], since: Since | None) -> Invariant:
    then = _then(since, kind, *_then_cost(_base.c.credits))
    rows = _costs(reference, since, *then)
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
        f"{kind}_spent",
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


def _owners(
    table: sa.Table, name: str, order: sa.Column[Any], *which: sa.ColumnElement[bool]
) -> Invariant:
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
        .where(wrong, *which)
        .order_by(order)
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


def all_of(since: Since | None = None) -> Sequence[Invariant]:
    """Return the rules, in the order in which they are told; of all rows, or from a checkpoint on.

    What is not of the journals is asked whole either way: orders, documents, prices, open holds.
    """
    return (
        _wallet_balance(since),
        _wallet_held(since),
        _wallet_debt(since),
        _wallet_overdraft(),
        _resolution(since),
        _transfer_accounts(since),
        _usage_exact(since),
        _carry_chain(since),
        _usage_hold(),
        _owners(usage, "usage_owner", usage.c.seq, *newer(usage, since)),
        _owners(holds, "hold_owner", holds.c.request_id),
        _spent(api_key, "key", usage.c.key_id, since),
        _held(api_key, "key_held", "key_id"),
        _spent(member, "member", usage.c.member_id, since),
        _held(member, "member_held", "member_id"),
        task_hold(since),
        task_charge(since),
        order_credited(),
        order_reversed(),
        order_documents(),
        order_known(),
        document_numbers(),
        _price_versions(),
    )


ALL = all_of()

__all__ = ["ALL", "SHOWN_MAX", "Invariant", "Since", "all_of", "violations"]
