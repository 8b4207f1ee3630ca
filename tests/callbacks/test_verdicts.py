"""What the end of an attempt means, and when the next one is due.

Reports: 37 (replicate-javascript#195, a redirect was dropped in silence).
"""

from email.utils import formatdate

import pytest

from grip.tasks.callbacks import verdicts
from grip.tasks.callbacks.verdicts import SCHEDULE_S, Verdict
from grip.transport.port import Reply, TransportFault

NOW_US = 1_800_000_000_000_000
MOST = 8


def judged(
    status: int, tries: int = 1, *, retry_after: str | None = None, chance: float = 0.5
) -> Verdict:
    """Return the verdict on an answer."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    reply = Reply(status=status, headers=headers, body=b"")
    return verdicts.of_reply(reply, tries, MOST, chance=chance, now_us=NOW_US)


def wait_s(**how: object) -> float:
    """Return the seconds before the second attempt, after a 503 to the first."""
    return judged(503, **how).wait_us / 1_000_000  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_is_two_hundred_and_something(status: int):
    """Nothing else."""
    verdict = judged(status)

    assert (verdict.state, verdict.outcome, verdict.detail) == ("delivered", "delivered", "")


@pytest.mark.parametrize("status", [101, 300, 301, 302, 307, 400, 401, 404, 429, 500, 503, 599])
def test_any_other_status_is_a_failed_attempt(status: int):
    """Report 37: a redirect too, which says so on its row."""
    verdict = judged(status)

    assert (verdict.state, verdict.outcome, verdict.status) == ("pending", "status", status)
    assert str(status) in verdict.detail


def test_gone_ends_it():
    """The receiver wants no more of this."""
    assert (judged(410).state, judged(410).reason) == ("dead", "gone")


@pytest.mark.parametrize("reason", ["dns", "connect", "tls", "timeout", "closed", "too_large"])
def test_a_broken_exchange_is_tried_again(reason: str):
    """Names that are not there among them."""
    verdict = verdicts.of_fault(TransportFault(reason, "why"), 1, MOST, chance=0.5)

    assert (verdict.state, verdict.outcome, verdict.detail) == ("pending", reason, "why")
    assert verdict.wait_us == 5_000_000


def test_what_the_guard_refuses_is_dead_at_once():
    """It leads inside now; nobody tries eight times until it does not."""
    verdict = verdicts.of_fault(TransportFault("refused", "why"), 1, MOST, chance=0.5)

    assert (verdict.state, verdict.reason) == ("dead", "refused")


def test_the_schedule_is_kept():
    """5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, and then it is dead."""
    waits = [judged(500, tries).wait_us for tries in range(1, MOST)]

    assert waits == [seconds * 1_000_000 for seconds in SCHEDULE_S[1:]]
    assert sum(SCHEDULE_S) > 27 * 3600
    assert (judged(500, MOST).state, judged(500, MOST).reason) == ("dead", "exhausted")


def test_more_attempts_than_the_schedule_has_wait_as_long_as_its_last():
    """[callbacks] max_attempts allows twenty."""
    reply = Reply(status=500, headers={}, body=b"")
    verdict = verdicts.of_reply(reply, 15, 20, chance=0.5, now_us=NOW_US)

    assert verdict.wait_us == SCHEDULE_S[-1] * 1_000_000


def test_waits_are_scattered_by_a_fifth():
    """So that those which failed together do not come back together."""
    assert (wait_s(chance=0.0), wait_s(), wait_s(chance=1.0)) == (4, 5, 6)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ("7", 7),
        ("3", 5),
        ("0", 5),
        ("3600", 10),
        ("9" * 40, 10),
        ("-1", 5),
        ("1.5", 5),
        ("", 5),
        ("soon", 5),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", 5),
        (formatdate(NOW_US // 1_000_000 + 8, usegmt=True), 8),
        (formatdate(NOW_US // 1_000_000 - 8, usegmt=True), 5),
        (formatdate(NOW_US // 1_000_000 + 8000, usegmt=True), 10),
        ("Mon, 99 Foo 2027 08:00:00 GMT", 5),
        ("Mon, 01 Jan 99999 08:00:00 GMT", 5),
    ],
)
def test_a_receiver_may_ask_for_up_to_twice_the_wait(asked: str, waited: int):
    """In seconds or by a date; never for less, never for ever."""
    assert wait_s(retry_after=asked) == waited
