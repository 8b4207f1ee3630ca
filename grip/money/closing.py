"""How a task's hold is closed: charged for what came of it, or given back whole. Pure.

A task never costs more than its hold (contract, money rule 5), so that nothing of it ever becomes
debt.
"""

from dataclasses import dataclass

from grip.money.amounts import draw
from grip.money.purses import spend
from grip.money.states import KeyState, MemberState, WalletState


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What is held for a task: whole credits of the wallet, exactly against budget and limit."""

    credits: int
    estimate_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a closed hold came to: `credits` drawn for `cost_nano` on top of a carry.

    `is_capped` says that more was used than is charged.
    """

    cost_nano: int
    is_capped: bool
    credits: int
    carry_before: int
    carry_after: int
    balance_after: int


def charge(
    reserved: Reserved,
    cost_nano: int,
    wallet: WalletState,
    key: KeyState,
    member: MemberState,
) -> Closed:
    """Take the cost off the locked rows, and let go of the rest; a cost above the hold is capped.

    The rows are changed in place, to be written back.
    """
    capped_nano = min(cost_nano, reserved.estimate_nano)
    release(reserved, wallet, key, member)
    carry_before = wallet.carry_nano
    drawn, wallet.carry_nano = draw(carry_before, capped_nano)
    wallet.balance -= drawn
    spend(key, capped_nano)
    spend(member, capped_nano)
    return Closed(
        cost_nano=capped_nano,
        is_capped=capped_nano < cost_nano,
        credits=drawn,
        carry_before=carry_before,
        carry_after=wallet.carry_nano,
        balance_after=wallet.balance,
    )


def release(reserved: Reserved, wallet: WalletState, key: KeyState, member: MemberState) -> None:
    """Give all back that is held; the rows are changed in place."""
    wallet.held -= reserved.credits
    key.held_nano -= reserved.estimate_nano
    member.held_nano -= reserved.estimate_nano
