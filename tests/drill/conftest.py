"""The evidence of a drill in which nothing was lost, for tests to doctor."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from grip.drill import kinds
from grip.drill.evidence import Allowance, Balance, Books, Charge, Credit, Evidence
from grip.drill.notes import Attempt, Ending, Gift, Incident, address
from grip.money.amounts import NANO
from grip.services.ledger import Check

Doctor = Callable[..., Evidence]


def attempt(number: int, ending: Ending = Ending.WHOLE, **told: Any) -> Attempt:
    """An attempt of a second's length that begins `number` seconds into the drill."""
    usual: dict[str, Any] = {
        "ip": address(number),
        "kind": kinds.WHOLE,
        "model": "quick",
        "started_s": float(number),
        "ended_s": number + 1.0,
        "ending": ending,
        "status": 200,
        "request_id": f"req_{number}",
        "told_nano": 2 * NANO if ending is Ending.WHOLE else None,
        "digest": "same" if ending is Ending.WHOLE else None,
        "words": 8 if ending is Ending.WHOLE else None,
    }
    return Attempt(number=number, **(usual | told))


def charge(number: int, **told: Any) -> Charge:
    """The usage row of the attempt with this number: two credits of a hold of three."""
    usual: dict[str, Any] = {
        "request_id": f"req_{number}",
        "ip": address(number),
        "key_id": "key_1",
        "member_id": "mem_1",
        "status": "completed",
        "estimated": False,
        "cost_nano": 2 * NANO,
        "hold_credits": 3,
    }
    return Charge(**(usual | told))


@pytest.fixture
def sound() -> Evidence:
    """Seven calls, one kill and one gift, all of them as they should be.

    A whole answer (1), a refusal (2), a hang-up (3), a call whose worker was killed (4), and one
    that was sent three times under one Idempotency-Key (5, 6, 7).
    """
    again: dict[str, Any] = {"group": "drill-1", "kind": kinds.LATER}
    return Evidence(
        attempts=(
            attempt(1),
            attempt(2, Ending.REFUSED, status=503, code="service_unavailable"),
            attempt(3, Ending.LEFT, kind=kinds.HUNG_UP),
            attempt(4, Ending.CUT),
            attempt(5, **again),
            attempt(6, Ending.REFUSED, status=409, code="idempotency_key_in_use", **again),
            attempt(7, request_id="req_5", is_replay=True, is_afterwards=True, **again),
        ),
        incidents=(Incident(kind=kinds.KILLED, started_s=4.5, ended_s=4.5),),
        gifts=(Gift(wallet_id="wal_1", amount=100, reason="gift 1", is_sure=True),),
        books=Books(
            charges=(charge(1), charge(3), charge(4, status="crash_void", cost_nano=0), charge(5)),
            balances=(Balance(wallet_id="wal_1", balance=94, held=0),),
            allowances=(
                Allowance(id="key_1", cap_nano=6 * NANO, spent_nano=6 * NANO, held_nano=0),
                Allowance(id="mem_1", cap_nano=None, spent_nano=6 * NANO, held_nano=0),
            ),
            credits=(Credit(wallet_id="wal_1", amount=100, reason="gift 1"),),
            checks=(Check(name="wallet_balance", ok=True, violations=[], count=0),),
        ),
        server_status=0,
    )


@pytest.fixture
def doctor(sound: Evidence) -> Doctor:
    """Returns the evidence with other attempts, by number, and with other parts of the books."""

    def doctor(attempts: dict[int, dict[str, Any]] | None = None, **changes: Any) -> Evidence:
        changed = attempts or {}
        known = {part: changes.pop(part) for part in list(changes) if hasattr(sound.books, part)}
        return replace(
            sound,
            attempts=tuple(replace(one, **changed.get(one.number, {})) for one in sound.attempts),
            books=replace(sound.books, **known),
            **changes,
        )

    return doctor
