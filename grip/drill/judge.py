"""Holds the books against the clients' notes, call by call: what does not fit is a loss. Pure.

Each rule yields what it finds; a rule that finds nothing holds. The rules on balances are in
`purses`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from grip.drill import goods, kinds
from grip.drill.case import Case, is_paid
from grip.drill.findings import Finding
from grip.drill.notes import Attempt, Ending
from grip.money.amounts import NANO

_ENDED_IN_ERROR: Final = (Ending.REFUSED, Ending.BROKEN, Ending.UNSENT)
_GRACE_S: Final = 2.0
_UNAVAILABLE: Final = "service_unavailable"
_IN_USE: Final = (409, "idempotency_key_in_use")
_REFUSALS: Final = {
    kinds.EMPTY: {
        (402, "insufficient_credits"),
        (402, "api_key_budget_exhausted"),
        (402, "member_limit_exhausted"),
    },
    kinds.PARALLEL: {_IN_USE, (409, "idempotency_result_unavailable")},
    kinds.LATER: {_IN_USE, (409, "idempotency_result_unavailable")},
    kinds.UPSTREAM["400"]: {(400, "sandbox")},
}
"""The refusals that a kind of call may meet, beside 503 `service_unavailable`."""


def answers_came(case: Case) -> Iterator[Finding]:
    """A drill in which nobody was answered proves nothing."""
    if not any(attempt.ending is Ending.WHOLE for attempt in case.attempts):
        yield Finding(sentence="no client saw a whole answer")


def answers_charged(case: Case) -> Iterator[Finding]:
    """Each answer that was seen in full is charged, exactly once."""
    for attempt in _ended(case, Ending.WHOLE):
        paid = list(filter(is_paid, case.by_request[attempt.request_id or ""]))
        if len(paid) != 1:
            yield _of(attempt, f"its answer was seen in full and charged {len(paid)} times")


def answers_complete(case: Case) -> Iterator[Finding]:
    """An answer that ends as a whole one is one, unless it says that the money did not suffice."""
    for attempt in _ended(case, Ending.WHOLE):
        wanted = goods.words(attempt.model)
        if attempt.words != wanted and not attempt.is_limited:
            yield _of(attempt, f"it ended after {attempt.words} of {wanted} words")


def charged_once(case: Case) -> Iterator[Finding]:
    """No call has two rows, and every row belongs to a call that a client made."""
    for ip, rows in case.by_ip.items():
        attempt = case.asked.get(ip)
        for row in rows:
            if attempt is None:
                yield Finding(sentence=f"{row.request_id}: no client made this call")
            elif attempt.request_id not in (None, row.request_id):
                yield _of(attempt, f"the books call it {row.request_id}")
        if attempt is not None and len(rows) > 1:
            yield _of(attempt, f"it has {len(rows)} rows of usage")
    for request_id, rows in case.by_request.items():
        if len({row.ip for row in rows}) > 1:
            yield Finding(sentence=f"{request_id}: charged for {len(rows)} calls")


def errors_free(case: Case) -> Iterator[Finding]:
    """No call is charged that ended in an error."""
    for attempt in _ended(case, *_ENDED_IN_ERROR):
        if case.paid(attempt):
            yield _of(attempt, f"it ended in an error ({attempt.code}) and was charged")


def hang_ups_charged(case: Case) -> Iterator[Finding]:
    """A client that hung up in mid-stream pays, unless its worker was killed; never nothing."""
    for attempt in _ended(case, Ending.LEFT):
        rows = case.by_ip[attempt.ip]
        is_void_rightly = bool(rows) and case.killed(attempt.started_s)
        if not attempt.is_replay and not case.paid(attempt) and not is_void_rightly:
            yield _of(attempt, "its client hung up in mid-stream and paid nothing")


def charges_told(case: Case) -> Iterator[Finding]:
    """An answer that names its cost names what was charged."""
    for attempt in _ended(case, Ending.WHOLE):
        for row in case.by_request[attempt.request_id or ""]:
            if attempt.told_nano not in (None, row.cost_nano):
                told, charged = attempt.told_nano, row.cost_nano
                yield _of(attempt, f"it was told {told} nano-credits and charged {charged}")


def holds_kept(case: Case) -> Iterator[Finding]:
    """What is charged by an estimate is never more than what was held."""
    for row in case.charges:
        if row.estimated and row.cost_nano > row.hold_credits * NANO:
            sentence = f"{row.request_id}: estimated at more than its hold"
            attempt = case.asked.get(row.ip)
            yield Finding(sentence=sentence, attempt=None if attempt is None else attempt.number)


def cuts_explained(case: Case) -> Iterator[Finding]:
    """An answer breaks off without a word only where a worker was killed."""
    for attempt in _ended(case, Ending.CUT):
        if not case.killed(attempt.started_s - _GRACE_S, attempt.ended_s + _GRACE_S):
            yield _of(attempt, "its connection ended, and no worker was killed")


def duplicates_once(case: Case) -> Iterator[Finding]:
    """Calls with one Idempotency-Key are carried out and charged once, and answered alike."""
    for group, attempts in case.groups.items():
        last = attempts[-1]
        paid = [row for attempt in attempts for row in case.paid(attempt)]
        whole = [attempt for attempt in attempts if attempt.ending is Ending.WHOLE]
        if len(paid) > 1:
            yield _of(last, f"{group}: charged {len(paid)} times")
        if len({attempt.request_id for attempt in whole}) > 1:
            yield _of(last, f"{group}: carried out more than once")
        if len({attempt.digest for attempt in whole}) > 1:
            yield _of(last, f"{group}: answered differently")


def claims_freed(case: Case) -> Iterator[Finding]:
    """When nothing runs any more, no Idempotency-Key is said to be in use."""
    for attempt in case.attempts:
        if attempt.is_afterwards and (attempt.status, attempt.code) == _IN_USE:
            yield _of(attempt, f"{attempt.group}: in use for ever")


def refusals_foreseen(case: Case) -> Iterator[Finding]:
    """Trouble is told as what it is: never as a wrong key, a missing model or a defect."""
    for attempt in _ended(case, Ending.REFUSED):
        told = (attempt.status, attempt.code)
        if told != (503, _UNAVAILABLE) and told not in _REFUSALS.get(attempt.kind, ()):
            yield _of(attempt, f"it was refused with {attempt.status} {attempt.code}")
    for attempt in _ended(case, Ending.BROKEN):
        if attempt.code != _UNAVAILABLE:
            yield _of(attempt, f"its stream ended with the error {attempt.code}")


RULES: Final[Mapping[str, Callable[[Case], Iterator[Finding]]]] = {
    rule.__name__: rule
    for rule in (
        answers_came,
        answers_charged,
        answers_complete,
        charged_once,
        errors_free,
        hang_ups_charged,
        charges_told,
        holds_kept,
        duplicates_once,
        cuts_explained,
        claims_freed,
        refusals_foreseen,
    )
}
"""The rules on calls, by the names under which they are told."""


def _ended(case: Case, *endings: Ending) -> Iterator[Attempt]:
    return (attempt for attempt in case.attempts if attempt.ending in endings)


def _of(attempt: Attempt, sentence: str) -> Finding:
    name = attempt.request_id or f"call {attempt.number}"
    return Finding(sentence=f"{name} ({attempt.kind}): {sentence}", attempt=attempt.number)
