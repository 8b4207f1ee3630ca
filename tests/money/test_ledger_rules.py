import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money import ledger, running
from grip.money.amounts import MAX_CREDITS
from grip.money.running import Posting

EFFECT = ledger.Effect(
    name="signup:acct_1",
    group_id="grp_1",
    wallet_id="wal_1",
    actor="op",
    reason="hello",
    created_us=1,
)

Event = tuple[str, int]


def test_a_credit_comes_from_its_counterpart_and_a_debit_returns_to_it():
    """The wallet's account bears its id."""
    credit = ledger.credit(EFFECT, "trf_1", ledger.GRANT, 5)
    debit = ledger.debit(EFFECT, "trf_2", ledger.ADJUSTMENT, 5)

    assert (credit.debit_account, credit.credit_account) == ("sys:granted", "wal_1")
    assert (debit.debit_account, debit.credit_account) == ("wal_1", "sys:adjust")
    assert credit.idem_key == "signup:acct_1:grant"


def test_a_debt_is_settled_on_its_own_account():
    """From the wallet to its debt, under a key of its own."""
    settled = ledger.settle_debt(EFFECT, "trf_1", 3)

    assert (settled.debit_account, settled.credit_account) == ("wal_1", "debt:wal_1")
    assert (settled.kind, settled.idem_key) == ("debt_settlement", "signup:acct_1:debt_settlement")


def test_a_hold_is_resolved_by_a_transfer_of_its_own():
    """Taken in part or given back: between the same accounts, under a key of its own."""
    held = ledger.hold(EFFECT, "trf_1", ledger.TASK, 5)
    end = dataclasses.replace(EFFECT, name="task_1:end")
    posted, voided = ledger.post(end, "trf_2", held, 3), ledger.void(end, "trf_3", held)

    assert (held.phase, held.pending_id, held.debit_account) == ("pending", None, "wal_1")
    assert (posted.phase, posted.amount, posted.pending_id) == ("post", 3, "trf_1")
    assert (voided.phase, voided.amount, voided.pending_id) == ("void", 0, "trf_1")
    assert posted.credit_account == voided.credit_account == held.credit_account == "sys:revenue"
    assert posted.idem_key == voided.idem_key != held.idem_key


def test_no_more_is_taken_than_is_held():
    """And what holds nothing is not resolved; nor is a hold out of bounds one."""
    held = ledger.hold(EFFECT, "trf_1", ledger.TASK, 5)
    with pytest.raises(ValueError, match="holds 5 credits, not 6"):
        ledger.post(EFFECT, "trf_2", held, 6)
    with pytest.raises(ValueError, match="holds nothing"):
        ledger.void(EFFECT, "trf_3", ledger.void(EFFECT, "trf_2", held))
    for amount in (-1, MAX_CREDITS + 1):
        with pytest.raises(ValueError, match="a hold is of 0 to"):
            ledger.hold(EFFECT, "trf_1", ledger.TASK, amount)


def test_what_a_wallet_lacks_stands_on_its_debt():
    """Beside what it has, in the same effect, under a key of its own."""
    taken = ledger.debit(EFFECT, "trf_1", ledger.REVERSAL, 3)
    owed = ledger.owe(EFFECT, "trf_2", ledger.REVERSAL, 4)

    assert (owed.debit_account, owed.credit_account) == ("debt:wal_1", "sys:reversed")
    assert owed.idem_key != taken.idem_key


@pytest.mark.parametrize("amount", [-1, 0, MAX_CREDITS + 1])
def test_a_transfer_moves_something_and_not_too_much(amount: int):
    """The rule holds whoever asks."""
    with pytest.raises(ValueError, match="a transfer moves"):
        ledger.credit(EFFECT, "trf_1", ledger.GRANT, amount)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ledger.Transfer)])
def test_the_fingerprint_covers_every_field(field: str):
    """Whatever is changed later shows."""
    transfer = ledger.credit(EFFECT, "trf_1", ledger.GRANT, 5)
    other: Any = 6 if field == "amount" else "x"
    changed = dataclasses.replace(transfer, **{field: other})

    assert transfer.fingerprint == dataclasses.replace(transfer).fingerprint
    assert transfer.fingerprint != changed.fingerprint


@given(st.integers(0, MAX_CREDITS), st.integers(1, MAX_CREDITS))
def test_a_debt_is_never_overpaid(debt: int, amount: int):
    """What is left belongs to one side alone."""
    settled = ledger.settled_debt(debt, amount)

    assert 0 <= settled <= min(debt, amount)
    assert debt - settled == 0 or amount - settled == 0


@given(
    st.integers(0, 100),
    st.lists(
        st.tuples(st.sampled_from(["transfer", "call"]), st.integers(-5, 5), st.integers(0, 1))
    ),
)
def test_running_balances_are_those_that_the_calls_saw(
    opening: int, events: list[tuple[str, int, int]]
):
    """However many rows share a microsecond, each call finds the balance that it says it found."""
    transfers, calls = _histories(opening, events)
    rows = list(running.run(opening, transfers, calls))
    before = [balance - posting.amount for posting, balance in rows]

    assert [p for p, _ in rows if p.kind == "transfer"] == transfers
    assert [p for p, _ in rows if p.kind == "call"] == calls
    assert before == [opening, *[balance for _, balance in rows[:-1]]][: len(rows)]
    assert all(p.before in {None, found} for (p, _), found in zip(rows, before, strict=True))
    assert [p.at_us for p, _ in rows] == sorted(p.at_us for p, _ in rows)


def _histories(
    opening: int, events: list[tuple[str, int, int]]
) -> tuple[list[Posting], list[Posting]]:
    """Return what happened, split by kind; the last number of an event is the time that passed."""
    balance, at_us = opening, 0
    by_kind: dict[str, list[Posting]] = {"transfer": [], "call": []}
    for number, (kind, amount, passed) in enumerate(events):
        at_us += passed
        by_kind[kind].append(
            Posting(
                at_us=at_us,
                kind=kind,
                reference=str(number),
                description="",
                amount=amount,
                before=balance if kind == "call" else None,
            )
        )
        balance += amount
    return by_kind["transfer"], by_kind["call"]
