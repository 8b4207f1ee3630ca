"""Numbers and days of documents at the end of a year, and where the clock goes backwards."""

from grip.money.payments import SUCCEEDED, Paid, Refund
from grip.store.orders import Order
from tests.conftest import FakeClock
from tests.selling.conftest import GROSS, Till

NEW_YEAR_US = 1_798_761_600_000_000
"""2027-01-01T00:00:00Z."""


async def _sell(till: Till) -> Order:
    ana = await till.customer(f"{till.context.new_id('c')}@example.com")
    order = await till.order(ana)
    return await till.tell(order, Paid(ref=order.id, amount_minor=GROSS, currency="USD"))


async def _name(till: Till, order: Order) -> str:
    return (await till.documents(order))[-1].name


async def test_a_series_begins_with_its_year_in_utc(till: Till, clock: FakeClock):
    """The last microsecond is the old year's, and the day on the invoice too."""
    clock.now_us = NEW_YEAR_US - 1
    old = await _sell(till)
    clock.now_us = NEW_YEAR_US
    new = await _sell(till)
    days = [(await till.documents(one))[0].content["issued_on"] for one in (old, new)]

    assert (await _name(till, old), await _name(till, new)) == (
        "INV-2026-000001",
        "INV-2027-000001",
    )
    assert days == ["2026-12-31", "2027-01-01"]


async def test_a_credit_note_is_of_the_year_in_which_the_money_went_back(
    till: Till, clock: FakeClock
):
    """It names the invoice of the year before, and takes no number of invoices."""
    clock.now_us = NEW_YEAR_US - 1
    order = await _sell(till)
    clock.now_us = NEW_YEAR_US
    await till.tell(order, Refund(ref="re_1", amount_minor=GROSS, state=SUCCEEDED))
    note = (await till.documents(order))[-1]
    after = await _sell(till)

    assert (note.name, note.content["refers_to"]) == (
        "CN-2027-000001",
        ["INV-2026-000001", "2026-12-31"],
    )
    assert await _name(till, after) == "INV-2027-000001"


async def test_a_clock_that_goes_back_over_new_year_leaves_no_gap(till: Till, clock: FakeClock):
    """Each year goes on where it was; the journal's times never go back."""
    names = []
    for offset_us in (0, -1, 1, -2):
        clock.now_us = NEW_YEAR_US + offset_us
        names.append(await _name(till, await _sell(till)))

    assert names == [
        "INV-2027-000001",
        "INV-2026-000001",
        "INV-2027-000002",
        "INV-2026-000002",
    ]


async def test_a_refund_at_an_earlier_time_than_its_payment_is_done_all_the_same(
    till: Till, clock: FakeClock
):
    """The clock was set back in between: by a day, and over the year."""
    clock.now_us = NEW_YEAR_US
    order = await _sell(till)
    clock.now_us = NEW_YEAR_US - 86_400_000_000
    order = await till.tell(order, Refund(ref="re_1", amount_minor=GROSS, state=SUCCEEDED))
    names = {one.name for one in await till.documents(order)}

    assert (order.status, names) == ("reversed", {"INV-2027-000001", "CN-2026-000001"})
