"""What must hold of the books, each as a query that finds only what breaks it.

Counters are compared with the append-only rows that they can be rebuilt from. Refuses to mend.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from grip.store.proofs.calls import carry_chain, held, owners, spent, usage_exact, usage_hold
from grip.store.proofs.invariant import SHOWN_MAX, Invariant, Since, newer, violations
from grip.store.proofs.orders import (
    document_numbers,
    order_credited,
    order_documents,
    order_known,
    order_reversed,
)
from grip.store.proofs.tasks import task_charge, task_hold
from grip.store.proofs.wallets import (
    resolution,
    transfer_accounts,
    wallet_balance,
    wallet_debt,
    wallet_held,
    wallet_overdraft,
)
from grip.store.tables import api_key, holds, member, price, usage


def all_of(since: Since | None = None) -> Sequence[Invariant]:
    """Return the rules, in the order in which they are told; of all rows, or from a checkpoint on.

    What is not of the journals is asked whole either way: orders, documents, prices, open holds.
    """
    return (
        wallet_balance(since),
        wallet_held(since),
        wallet_debt(since),
        wallet_overdraft(),
        resolution(since),
        transfer_accounts(since),
        usage_exact(since),
        carry_chain(since),
        usage_hold(),
        owners(usage, "usage_owner", usage.c.seq, *newer(usage, since)),
        owners(holds, "hold_owner", holds.c.request_id),
        spent(api_key, "key", usage.c.key_id, since),
        held(api_key, "key_held", "key_id"),
        spent(member, "member", usage.c.member_id, since),
        held(member, "member_held", "member_id"),
        task_hold(since),
        task_charge(since),
        order_credited(),
        order_reversed(),
        order_documents(),
        order_known(),
        document_numbers(),
        _price_versions(),
    )


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


ALL = all_of()

__all__ = ["ALL", "SHOWN_MAX", "Invariant", "Since", "all_of", "violations"]
