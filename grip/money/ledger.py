"""The rules of the journal: which accounts there are, and which transfers an effect makes.

A transfer moves whole credits from one account to another and is never edited. A wallet's account
bears its id, what it owes stands on `debt:` + its id, and everything else is a system account.
Refuses to know balances: whether a wallet can pay is asked where its row is locked.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Final

from grip.money.amounts import MAX_CREDITS

GRANTED: Final = "sys:granted"
ADJUST: Final = "sys:adjust"
PURCHASED: Final = "sys:purchased"
REVENUE: Final = "sys:revenue"
REVERSED: Final = "sys:reversed"
RECEIVABLE: Final = "sys:receivable"
SYSTEM_ACCOUNTS: Final = (GRANTED, ADJUST, PURCHASED, REVENUE, REVERSED, RECEIVABLE)

DEBT_PREFIX: Final = "debt:"

SINGLE: Final = "single"
PENDING: Final = "pending"
POST: Final = "post"
VOID: Final = "void"
POSTED: Final = (SINGLE, POST)
"""The phases whose amount has moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A row of the journal to be: `amount` credits from `debit_account` to `credit_account`.

    `idem_key` names the business effect for ever; `fingerprint` is that of everything else.
    """

    id: str
    group_id: str
    kind: str
    phase: str
    debit_account: str
    credit_account: str
    amount: int
    pending_id: str | None
    idem_key: str
    wallet_id: str
    actor: str
    reason: str
    created_us: int

    @property
    def fingerprint(self) -> str:
        """The SHA-256 in hex of the whole content, by which a later change is found."""
        content = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What all transfers of one business effect share; `name` is the stem of their keys."""

    name: str
    group_id: str
    wallet_id: str
    actor: str
    reason: str
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """The other side of a wallet's transfer: the `kind` that it is, and the account."""

    kind: str
    account: str


GRANT: Final = Counterpart(kind="grant", account=GRANTED)
ADJUSTMENT: Final = Counterpart(kind="adjust", account=ADJUST)
TASK: Final = Counterpart(kind="task", account=REVENUE)
PURCHASE: Final = Counterpart(kind="purchase", account=PURCHASED)
BONUS: Final = Counterpart(kind="bonus", account=GRANTED)
REVERSAL: Final = Counterpart(kind="reversal", account=REVERSED)
REINSTATEMENT: Final = Counterpart(kind="reinstatement", account=REVERSED)
REFUND: Final = Counterpart(kind="refund", account=REVERSED)
ON_ACCOUNT: Final = Counterpart(kind="on_account", account=RECEIVABLE)


def debt_account(wallet_id: str) -> str:
    """Return the account on which a wallet's debt stands."""
    return DEBT_PREFIX + wallet_id


def settled_debt(debt: int, amount: int) -> int:
    """Return how much of a credit of `amount` goes to the debt, which comes first."""
    return min(debt, amount)


def credit(effect: Effect, transfer_id: str, counterpart: Counterpart, amount: int) -> Transfer:
    """Return the transfer of `amount` credits from `counterpart` to the wallet."""
    return _single(effect, transfer_id, counterpart, amount=amount, debited=counterpart.account)


def debit(effect: Effect, transfer_id: str, counterpart: Counterpart, amount: int) -> Transfer:
    """Return the transfer of `amount` credits from the wallet back to `counterpart`."""
    return _single(effect, transfer_id, counterpart, amount=amount, credited=counterpart.account)


def settle_debt(effect: Effect, transfer_id: str, amount: int) -> Transfer:
    """Return the transfer of `amount` credits from the wallet to its debt."""
    debt = Counterpart(kind="debt_settlement", account=debt_account(effect.wallet_id))
    return _single(effect, transfer_id, debt, amount=amount, credited=debt.account)


def owe(effect: Effect, transfer_id: str, counterpart: Counterpart, amount: int) -> Transfer:
    """Return the transfer that takes `amount` credits which the wallet lacks, as its debt."""
    made = _single(effect, transfer_id, counterpart, amount=amount, credited=counterpart.account)
    return replace(
        made,
        debit_account=debt_account(effect.wallet_id),
        idem_key=f"{effect.name}:{counterpart.kind}:debt",
    )


def hold(effect: Effect, transfer_id: str, counterpart: Counterpart, amount: int) -> Transfer:
    """Return the transfer that holds `amount` credits of the wallet until it is resolved."""
    return _debiting(effect, transfer_id, counterpart, amount, phase=PENDING)


def post(effect: Effect, transfer_id: str, held: Transfer, amount: int) -> Transfer:
    """Return the transfer that takes `amount` of what is held, and gives the rest back."""
    if amount > held.amount:
        raise ValueError(f"{held.id} holds {held.amount} credits, not {amount}")
    return _resolving(effect, transfer_id, held, amount, phase=POST)


def void(effect: Effect, transfer_id: str, held: Transfer) -> Transfer:
    """Return the transfer that gives all back that is held."""
    return _resolving(effect, transfer_id, held, 0, phase=VOID)


def _resolving(
    effect: Effect, transfer_id: str, held: Transfer, amount: int, *, phase: str
) -> Transfer:
    if held.phase != PENDING:
        raise ValueError(f"{held.id} holds nothing")
    counterpart = Counterpart(kind=held.kind, account=held.credit_account)
    made = _debiting(effect, transfer_id, counterpart, amount, phase=phase)
    return replace(made, pending_id=held.id)


def _debiting(
    effect: Effect, transfer_id: str, counterpart: Counterpart, amount: int, *, phase: str
) -> Transfer:
    """Return a transfer off the wallet in this phase; it may be of nothing."""
    if not 0 <= amount <= MAX_CREDITS:
        raise ValueError(f"a hold is of 0 to {MAX_CREDITS} credits, not {amount}")
    return Transfer(
        id=transfer_id,
        group_id=effect.group_id,
        kind=counterpart.kind,
        phase=phase,
        debit_account=effect.wallet_id,
        credit_account=counterpart.account,
        amount=amount,
        pending_id=None,
        idem_key=f"{effect.name}:{counterpart.kind}",
        wallet_id=effect.wallet_id,
        actor=effect.actor,
        reason=effect.reason,
        created_us=effect.created_us,
    )


def _single(
    effect: Effect,
    transfer_id: str,
    counterpart: Counterpart,
    *,
    amount: int,
    debited: str | None = None,
    credited: str | None = None,
) -> Transfer:
    """Return a transfer at once, between the wallet and the account that is named."""
    if not 0 < amount <= MAX_CREDITS:
        raise ValueError(f"a transfer moves 1 to {MAX_CREDITS} credits, not {amount}")
    return Transfer(
        id=transfer_id,
        group_id=effect.group_id,
        kind=counterpart.kind,
        phase=SINGLE,
        debit_account=debited or effect.wallet_id,
        credit_account=credited or effect.wallet_id,
        amount=amount,
        pending_id=None,
        idem_key=f"{effect.name}:{counterpart.kind}",
        wallet_id=effect.wallet_id,
        actor=effect.actor,
        reason=effect.reason,
        created_us=effect.created_us,
    )
