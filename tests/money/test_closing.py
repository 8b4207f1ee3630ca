"""How the hold of a task is closed: exact to the nano-credit, and never above the hold."""

from hypothesis import given
from hypothesis import strategies as st

from grip.money import closing
from grip.money.amounts import NANO, ceil_credits
from grip.money.closing import Reserved
from grip.money.states import KeyState, MemberState, WalletState

BALANCE = 1_000
Rows = tuple[WalletState, KeyState, MemberState]


def held(estimate_nano: int, carry_nano: int = 0) -> tuple[Reserved, Rows]:
    """Return a hold of a task, and the rows that it is held on."""
    reserved = Reserved(credits=ceil_credits(estimate_nano), estimate_nano=estimate_nano)
    wallet = WalletState("wal_1", "free", BALANCE, reserved.credits, 0, carry_nano, None, None)
    key = KeyState("key_1", 1, None, None, 0, 0, estimate_nano, None, None)
    member = MemberState("mem_1", None, 0, 0, estimate_nano)
    return reserved, (wallet, key, member)


@given(
    estimate_nano=st.integers(0, BALANCE * NANO),
    cost_nano=st.integers(0, 2 * BALANCE * NANO),
    carry_nano=st.integers(0, NANO - 1),
)
def test_a_charge_is_exact_and_never_above_the_hold(
    estimate_nano: int, cost_nano: int, carry_nano: int
):
    """What is drawn and what is carried are the cost; nothing stays held (money rule 5)."""
    reserved, (wallet, key, member) = held(estimate_nano, carry_nano)
    closed = closing.charge(reserved, cost_nano, wallet, key, member)

    assert closed.cost_nano == min(cost_nano, estimate_nano)
    assert closed.is_capped == (cost_nano > estimate_nano)
    assert carry_nano + closed.cost_nano == closed.credits * NANO + closed.carry_after
    assert closed.credits <= reserved.credits
    assert (closed.carry_before, wallet.carry_nano) == (carry_nano, closed.carry_after)
    assert wallet.balance == closed.balance_after == BALANCE - closed.credits
    assert (wallet.held, key.held_nano, member.held_nano) == (0, 0, 0)
    for spender in (key, member):
        assert spender.spent * NANO + spender.spent_nano == closed.cost_nano


@given(estimate_nano=st.integers(0, BALANCE * NANO))
def test_a_release_gives_all_back(estimate_nano: int):
    """As if nothing had been."""
    reserved, (wallet, key, member) = held(estimate_nano)
    closing.release(reserved, wallet, key, member)

    assert (wallet.balance, wallet.held, wallet.carry_nano) == (BALANCE, 0, 0)
    assert (key.held_nano, key.spent, member.held_nano, member.spent) == (0, 0, 0, 0)
