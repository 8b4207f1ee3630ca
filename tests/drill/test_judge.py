"""Each kind of loss is found: evidence is doctored, and one check fails."""

from dataclasses import replace
from pathlib import Path

import pytest

from grip.drill import judge, kinds, purses, report
from grip.drill.evidence import Allowance, Balance, Credit, Evidence
from grip.drill.notes import Attempt, Ending, Gift
from grip.money.amounts import NANO
from grip.services.ledger import Check
from tests.drill.conftest import Doctor, attempt, charge


def _failed(evidence: Evidence) -> list[str]:
    """The names of the checks that fail."""
    verdict = report.verdict("sqlite", [kinds.QUEUED], evidence)
    return [check.name for check in verdict.checks if not check.ok]


def test_sound_evidence_has_nothing_to_find(sound: Evidence):
    """What the tests doctor is right before they do."""
    assert _failed(sound) == []


def test_an_answer_that_was_not_charged_is_found(doctor: Doctor):
    """It was seen in full, and its row is gone."""
    assert _failed(doctor(charges=(charge(3), charge(5)))) == ["answers_charged"]


def test_an_answer_whose_charge_was_voided_is_found(doctor: Doctor):
    """The verdict on a dead worker came after its client saw the end."""
    voided = charge(1, status="crash_void", cost_nano=0)

    assert _failed(doctor(charges=(voided, charge(3), charge(5)))) == [
        "answers_charged",
        "charges_told",
    ]


def test_an_answer_that_lacks_its_end_is_found(doctor: Doctor):
    """It ends like a whole one after three of eight words; one that ran out of money says so."""
    assert _failed(doctor({1: {"words": 3}})) == ["answers_complete"]
    assert _failed(doctor({1: {"words": 3, "is_limited": True}})) == []


def test_a_call_with_two_rows_is_found(doctor: Doctor, sound: Evidence):
    """Under another request id, and under the same one."""
    other = doctor(charges=(*sound.books.charges, charge(3, request_id="req_33")))
    same = doctor(charges=(*sound.books.charges, charge(1)))

    assert _failed(other) == ["charged_once"]
    assert _failed(same) == ["answers_charged", "charged_once"]


def test_a_call_that_was_void_and_charged_is_found(doctor: Doctor, sound: Evidence):
    """Its hold was resolved twice."""
    again = charge(4, request_id="req_44")

    assert _failed(doctor(charges=(*sound.books.charges, again))) == ["charged_once"]


def test_a_charge_that_no_client_asked_for_is_found(doctor: Doctor, sound: Evidence):
    """Its address is of no attempt, although no client knows the ids of all its calls."""
    assert _failed(doctor(charges=(*sound.books.charges, charge(99)))) == ["charged_once"]


def test_a_request_that_was_charged_to_two_calls_is_found(doctor: Doctor, sound: Evidence):
    """One id, two addresses."""
    stray = charge(4, request_id="req_3")
    rows = tuple(row for row in sound.books.charges if row.request_id != "req_4")

    assert _failed(doctor({4: {"request_id": None}}, charges=(*rows, stray))) == ["charged_once"]


@pytest.mark.parametrize(
    "ended",
    [
        {"ending": Ending.REFUSED, "status": 503, "code": "service_unavailable"},
        {"ending": Ending.BROKEN, "code": "service_unavailable"},
        {"ending": Ending.UNSENT, "status": None},
    ],
)
def test_an_error_that_was_charged_is_found(doctor: Doctor, ended: dict[str, object]):
    """Before the first byte, after it, and where nothing was sent at all."""
    assert _failed(doctor({1: ended})) == ["errors_free"]


def test_an_error_that_was_charged_nothing_but_has_a_row_is_found(doctor: Doctor):
    """A row of zero is a charge too; only the verdict on a dead worker is none."""
    ended = {"ending": Ending.REFUSED, "status": 503, "code": "service_unavailable"}
    free = charge(1, cost_nano=0)

    assert _failed(doctor({1: ended}, charges=(free, charge(3), charge(5)))) == ["errors_free"]


def test_a_hang_up_that_was_not_charged_is_found(doctor: Doctor):
    """Whoever leaves in mid-stream pays: without a row, and with one that is void for no reason."""
    void = charge(3, status="crash_void", cost_nano=0)
    early = doctor(charges=(charge(1), void, charge(5)), incidents=())

    assert _failed(doctor(charges=(charge(1), charge(5)))) == ["hang_ups_charged"]
    assert _failed(replace(early, attempts=_without_cuts(early))) == ["hang_ups_charged"]


def test_a_hang_up_whose_worker_was_killed_may_be_void(doctor: Doctor):
    """But it has its row, which says so."""
    void = charge(3, status="crash_void", cost_nano=0)

    assert _failed(doctor(charges=(charge(1), void, charge(5)))) == []


def test_a_cost_that_differs_from_the_one_that_was_told_is_found(doctor: Doctor):
    """The answer's own word is held against the row."""
    assert _failed(doctor({1: {"told_nano": 2 * NANO - 1}})) == ["charges_told"]


def test_an_estimate_above_its_hold_is_found(doctor: Doctor, sound: Evidence):
    """What the upstream proved may exceed it."""
    rows = tuple(row for row in sound.books.charges if row.request_id != "req_3")
    proven, guessed = (
        charge(3, estimated=estimated, cost_nano=3 * NANO + 1) for estimated in (False, True)
    )

    assert _failed(doctor(charges=(*rows, proven))) == []
    assert _failed(doctor(charges=(*rows, guessed))) == ["holds_kept"]


def test_a_duplicate_that_was_charged_is_found(doctor: Doctor, sound: Evidence):
    """Each call has its own row, and the two share an Idempotency-Key."""
    assert _failed(doctor(charges=(*sound.books.charges, charge(6)))) == [
        "errors_free",
        "duplicates_once",
    ]


def test_a_duplicate_that_was_carried_out_again_is_found(doctor: Doctor, sound: Evidence):
    """It was answered under an id of its own."""
    doctored = doctor({7: {"request_id": "req_7"}}, charges=(*sound.books.charges, charge(7)))

    assert _failed(doctored) == ["duplicates_once"]


def test_a_duplicate_that_was_answered_differently_is_found(doctor: Doctor):
    """The same request id, and other bytes."""
    assert _failed(doctor({7: {"digest": "other"}})) == ["duplicates_once"]


def test_an_idempotency_key_that_stays_in_use_is_found(doctor: Doctor):
    """When all is over, nothing runs under it."""
    stuck = {"ending": Ending.REFUSED, "status": 409, "code": "idempotency_key_in_use"}

    assert _failed(doctor({7: stuck})) == ["claims_freed"]


def test_a_connection_that_ends_for_no_reason_is_found(doctor: Doctor):
    """Without a kill nearby, a worker has died by itself."""
    assert _failed(doctor(incidents=())) == ["cuts_explained"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_api_key"),
        (404, "model_not_found"),
        (500, "internal_error"),
        (402, "insufficient_credits"),
        (409, "idempotency_key_in_use"),
        (503, "internal_error"),
    ],
)
def test_a_refusal_that_nothing_explains_is_found(doctor: Doctor, status: int, code: str):
    """Trouble is 503, and never a wrong key; the purse was full; the key was its first."""
    assert _failed(doctor({2: {"status": status, "code": code}})) == ["refusals_foreseen"]


def test_a_refusal_that_belongs_to_its_kind_is_foreseen(doctor: Doctor):
    """An empty purse, and a request that the upstream refuses."""
    empty = {"kind": kinds.EMPTY, "status": 402, "code": "member_limit_exhausted"}
    upstream = {"kind": kinds.UPSTREAM["400"], "status": 400, "code": "sandbox"}

    assert _failed(doctor({2: empty})) == []
    assert _failed(doctor({2: upstream})) == []


def test_a_stream_that_ends_with_a_defect_is_found(doctor: Doctor):
    """Its error says what an operator would have to look into."""
    broken = {"ending": Ending.BROKEN, "status": 200, "code": "internal_error"}

    assert _failed(doctor({2: broken})) == ["refusals_foreseen"]


def test_a_drill_without_an_answer_proves_nothing(sound: Evidence):
    """Where nobody got through, nothing was lost and nothing shown."""
    refused = attempt(2, Ending.REFUSED, status=503, code="service_unavailable")
    books = replace(sound.books, charges=())

    assert _failed(replace(sound, attempts=(refused,), books=books)) == ["answers_came"]


def test_what_is_still_held_is_found(doctor: Doctor, sound: Evidence):
    """By a wallet, and by a key or a member."""
    wallet = Balance(wallet_id="wal_1", balance=94, held=1)
    key = replace(sound.books.allowances[0], held_nano=1)

    assert _failed(doctor(balances=(wallet,))) == ["nothing_held"]
    assert _failed(doctor(allowances=(key,))) == ["nothing_held"]


def test_a_wallet_below_zero_is_found(doctor: Doctor):
    """By its balance, and by what it has promised."""
    below = Balance(wallet_id="wal_1", balance=-1, held=0)
    promised = Balance(wallet_id="wal_1", balance=1, held=2)

    assert _failed(doctor(balances=(below,))) == ["wallets_not_negative"]
    assert _failed(doctor(balances=(promised,))) == ["nothing_held", "wallets_not_negative"]


def test_a_limit_that_was_passed_is_found(doctor: Doctor, sound: Evidence):
    """Unless an upstream's own report proved more than the hold."""
    over = Allowance(id="key_1", cap_nano=6 * NANO, spent_nano=6 * NANO + 1, held_nano=0)
    rows = tuple(row for row in sound.books.charges if row.request_id != "req_3")
    excess = charge(3, cost_nano=4 * NANO)

    assert _failed(doctor(allowances=(over,))) == ["limits_kept"]
    assert _failed(doctor(allowances=(over,), charges=(*rows, excess))) == []


def test_a_gift_that_got_lost_or_came_twice_is_found(doctor: Doctor, sound: Evidence):
    """So is one that nobody gave; of one in doubt, none may be there, but not two."""
    (there,) = sound.books.credits
    stranger = Credit(wallet_id="wal_1", amount=7, reason="from heaven")
    doubt = Gift(wallet_id="wal_1", amount=100, reason="gift 1", is_sure=False)

    assert _failed(doctor(credits=())) == ["credits_kept"]
    assert _failed(doctor(credits=(there, there))) == ["credits_kept"]
    assert _failed(doctor(credits=(there, stranger))) == ["credits_kept"]
    assert _failed(doctor(gifts=(doubt,), credits=())) == []
    assert _failed(doctor(gifts=(doubt,))) == []
    assert _failed(doctor(gifts=(doubt,), credits=(there, there))) == ["credits_kept"]


@pytest.mark.parametrize("status", [1, -9, None])
def test_a_gateway_that_did_not_stop_as_asked_is_found(doctor: Doctor, status: int | None):
    """It failed, was killed, or never ended."""
    assert _failed(doctor(server_status=status)) == ["gateway_stopped"]


def test_an_invariant_that_is_broken_is_found(doctor: Doctor):
    """What `ledger verify` says counts as the rules of the drill do."""
    broken = Check(name="wallet_balance", ok=False, violations=["wal_1: 1 too many"], count=1)

    assert _failed(doctor(checks=(broken,))) == ["wallet_balance"]


def test_every_rule_has_a_test_that_breaks_it():
    """A rule that cannot fail is worth nothing."""
    tested = set(judge.RULES) | set(purses.RULES)
    text = Path(__file__).read_text()

    assert {name for name in tested if f'"{name}"' not in text} == set()


def _without_cuts(evidence: Evidence) -> tuple[Attempt, ...]:
    return tuple(one for one in evidence.attempts if one.ending is not Ending.CUT)
