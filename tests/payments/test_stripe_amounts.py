"""Between ISO's minor units and Stripe's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip import errors
from grip.money.currencies import CURRENCIES, MAX_MINOR
from grip.payments.reading import Unreadable
from grip.payments.stripe.amounts import from_stripe, to_stripe


@pytest.mark.parametrize(
    ("minor", "currency", "stripe"),
    [
        (4900, "USD", 4900),
        (4900, "JPY", 4900),
        (4900, "CLP", 4900),
        (4910, "KWD", 4910),
        (4900, "HUF", 4900),
        (49, "ISK", 4900),
        (4900, "MGA", 49),
    ],
)
def test_amounts_are_what_stripe_documents(minor: int, currency: str, stripe: int):
    """Most are the same; Iceland has cents that are 0, and Madagascar none."""
    assert to_stripe(minor, currency) == stripe
    assert from_stripe(stripe, currency) == minor


@pytest.mark.parametrize(
    ("minor", "currency"), [(4911, "KWD"), (4901, "MGA"), (5, "UGX"), (5, "XXX")]
)
def test_what_stripe_cannot_take_exactly_is_refused(minor: int, currency: str):
    """Nothing is rounded; of Uganda's shilling Stripe's own page says two things."""
    with pytest.raises(errors.AmountUnpayable):
        to_stripe(minor, currency)


@given(
    minor=st.integers(min_value=0, max_value=MAX_MINOR),
    currency=st.sampled_from(sorted(CURRENCIES)),
)
def test_every_amount_comes_back_as_it_was(minor: int, currency: str):
    """Or is refused."""
    try:
        sent = to_stripe(minor, currency)
    except errors.AmountUnpayable:
        return
    assert from_stripe(sent, currency) == minor


def test_an_amount_that_iso_cannot_write_is_unreadable():
    """Half a króna."""
    with pytest.raises(Unreadable):
        from_stripe(4950, "ISK")
