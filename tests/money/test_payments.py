"""What is known of a payment, whatever the order in which it was told."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from grip.money.payments import (
    CANCELED,
    EXPIRED,
    FAILED,
    PENDING,
    REFUND_STATES,
    REINSTATED,
    SUCCEEDED,
    WITHDRAWN,
    Dispute,
    Ended,
    Expected,
    Fact,
    Paid,
    Refund,
    reversed_credits,
    standing,
)

EXPECTED = Expected(amount_minor=4900, currency="USD", credits=49_000)
PAID = Paid(ref="pay_1", amount_minor=4900, currency="USD")


def refund(state: str, ref: str = "re_1", amount: int = 1000) -> Refund:
    return Refund(ref=ref, amount_minor=amount, state=state)


def dispute(what: str, ref: str = "dp_1", amount: int = 4900) -> Dispute:
    return Dispute(ref=ref, amount_minor=amount, what=what)


FACTS = st.sampled_from(
    [
        PAID,
        Paid(ref="pay_2", amount_minor=4900, currency="USD"),
        Paid(ref="pay_3", amount_minor=4899, currency="USD"),
        Paid(ref="pay_4", amount_minor=4900, currency="EUR"),
        *(Ended(ref="cs_1", how=how) for how in (FAILED, EXPIRED, CANCELED)),
        *(refund(state, ref) for state in REFUND_STATES for ref in ("re_1", "re_2")),
        *(dispute(what) for what in ("opened", WITHDRAWN, REINSTATED)),
    ]
)


@given(facts=st.lists(FACTS, max_size=8), shuffled=st.data())
def test_order_and_replay_change_nothing(facts: list[Fact], shuffled: st.DataObject):
    """Any permutation, with any of them told again."""
    again = shuffled.draw(st.permutations(facts + facts[:3]))

    assert standing(again, EXPECTED) == standing(facts, EXPECTED)


def test_a_payment_beats_every_other_end_of_a_session():
    """A card that failed at first, a session that was said to have expired."""
    ended: list[Fact] = [Ended(ref="cs_1", how=how) for how in (FAILED, EXPIRED, CANCELED)]

    assert standing(ended, EXPECTED).paid_by is None
    assert standing(ended, EXPECTED).ended == CANCELED
    assert standing([*ended, PAID], EXPECTED).paid_by == "pay_1"


def test_a_payment_of_another_amount_or_currency_is_doubtful():
    """It settles nothing."""
    for amount, currency in ((4899, "USD"), (4901, "USD"), (4900, "EUR")):
        seen = standing([Paid(ref="p", amount_minor=amount, currency=currency)], EXPECTED)
        assert (seen.paid_by, seen.doubtful) == (None, ("p",))


def test_a_second_payment_is_doubtful_and_settles_nothing_twice():
    """The first in order of their names settles the order."""
    second = Paid(ref="pay_2", amount_minor=4900, currency="USD")

    assert standing([second, PAID], EXPECTED).paid_by == "pay_1"
    assert standing([second, PAID], EXPECTED).doubtful == ("pay_2",)


def test_a_refund_takes_its_part_of_the_credits_back():
    """Rounded down, and all of them with the last."""
    part = standing([PAID, refund(SUCCEEDED)], EXPECTED)
    whole = standing([PAID, refund(SUCCEEDED), refund(SUCCEEDED, "re_2", 3900)], EXPECTED)

    assert (part.returned_minor, part.reversed_credits) == (1000, 10_000)
    assert (whole.returned_minor, whole.reversed_credits) == (4900, 49_000)
    assert standing([PAID, refund(PENDING)], EXPECTED).reversed_credits == 0


def test_a_refund_that_fails_after_all_gives_its_credits_again():
    """The money went back to the operator."""
    for end in (FAILED, CANCELED):
        facts: list[Fact] = [PAID, refund(PENDING), refund(SUCCEEDED), refund(end)]
        for told in permutations(facts):
            assert standing(told, EXPECTED).returned_minor == 0


def test_a_dispute_takes_all_and_gives_it_back_when_it_is_won():
    """Both are flags: which of them comes first does not matter."""
    opened = standing([PAID, dispute("opened")], EXPECTED)
    taken = standing([PAID, dispute(WITHDRAWN)], EXPECTED)
    won = standing([dispute(REINSTATED), PAID, dispute(WITHDRAWN)], EXPECTED)

    assert (opened.reversed_credits, opened.disputed) == (0, True)
    assert (taken.reversed_credits, taken.disputed) == (49_000, True)
    assert (won.reversed_credits, won.disputed) == (0, False)


def test_no_more_goes_back_than_came_in():
    """A refund beside a dispute."""
    facts: list[Fact] = [PAID, refund(SUCCEEDED), dispute(WITHDRAWN)]

    assert standing(facts, EXPECTED).returned_minor == 4900


def test_nothing_goes_back_of_what_was_not_paid():
    """A refund of a payment that nobody knows, or of an order that cost nothing."""
    assert standing([refund(SUCCEEDED)], EXPECTED).reversed_credits == 0
    assert reversed_credits(Expected(amount_minor=0, currency="USD", credits=5), 10) == 0
