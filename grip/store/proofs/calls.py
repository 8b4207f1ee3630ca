"""What calls keep to: they cost what was drawn for them, of purses that are their own.

Nano-credits are summed as quotients and remainders, since their plain sum would leave 64 bits.
"""

from typing import Any

import sqlalchemy as sa

from grip.money.amounts import NANO
from grip.store.columns import Int
from grip.store.proofs.invariant import Invariant, Since, newer, then, total
from grip.store.tables import api_key, checkpoint_balance, holds, member, task, usage, wallet

_base = checkpoint_balance
_OPEN_TASK = task.c.completed_us.is_(None)
_NOTHING = sa.literal(0, Int)


def usage_exact(since: Since | None) -> Invariant:
    """What a wallet's calls cost is what was drawn for them and what it carries on."""
    were = then(since, "wallet", *_then_cost(_NOTHING))
    rows = _costs(usage.c.wallet_id, since, *were)
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


def carry_chain(since: Since | None) -> Invariant:
    """Each row of usage carries on what the one before it in its wallet left."""
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


def usage_hold() -> Invariant:
    """A call that is charged is no longer held."""
    open_hold = holds.join(usage, usage.c.request_id == holds.c.request_id)
    query = sa.select(holds.c.request_id).select_from(open_hold).order_by(holds.c.request_id)
    return Invariant("usage_hold", query, "{request_id}: it is charged and still held")


def owners(
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


def spent(table: sa.Table, kind: str, reference: sa.Column[str], since: Since | None) -> Invariant:
    """What a key or a member has spent is what its usage cost."""
    were = then(since, kind, *_then_cost(_base.c.credits))
    rows = _costs(reference, since, *were)
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


def held(table: sa.Table, name: str, reference: str) -> Invariant:
    """What a key or a member holds is what its open calls and tasks are estimated at."""
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
