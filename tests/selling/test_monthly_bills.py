"""What was credited on account, billed by maintenance when its month is over."""

from typing import Any

from grip.services import wallets
from grip.services.maintenance import clock as calendar
from grip.services.maintenance import invoices
from grip.services.maintenance.step import Done, Run
from tests.conftest import FakeClock
from tests.selling.conftest import Till

OCTOBER = 1_790_812_800_000_000  # 2026-10-01
NOVEMBER = 1_793_491_200_000_000
JANUARY = 1_798_761_600_000_000
ON_ACCOUNT: Any = {"actor": "test", "reason": "contract 17", "on_account": True}


async def _bill(till: Till, *, trusts_clock: bool = True, dry_run: bool = False) -> Done:
    return await invoices.run(till.context, Run(trusts_clock=trusts_clock, dry_run=dry_run))


async def test_a_month_is_billed_once_when_it_is_over(till: Till, clock: FakeClock):
    """Each wallet; months in which nobody looked are billed with the next."""
    clock.now_us = OCTOBER
    ana = await till.customer()
    await till.profile(ana)
    await wallets.credit(till.context, ana.id, 1000, **ON_ACCOUNT)
    early = await _bill(till)
    clock.now_us = NOVEMBER
    dry = await _bill(till, dry_run=True)
    billed, again = [await _bill(till) for _ in range(2)]
    await wallets.credit(till.context, ana.id, 500, **ON_ACCOUNT)
    clock.now_us = JANUARY
    late = await _bill(till)

    assert dry.did == {"wallets on account": 1}
    assert [done.did["invoices"] for done in (early, billed, again, late)] == [0, 1, 0, 1]


async def test_a_wallet_that_cannot_be_billed_is_a_problem_until_it_can(
    till: Till, clock: FakeClock
):
    """Its month is not left behind."""
    clock.now_us = OCTOBER
    ana = await till.customer()
    await wallets.credit(till.context, ana.id, 1000, **ON_ACCOUNT)
    clock.now_us = NOVEMBER
    without = await _bill(till)
    clock.now_us = JANUARY
    await till.profile(ana)
    late = await _bill(till)

    assert f"2026-10: not billed: {ana.id}" in without.problems[0]
    assert (late.did["invoices"], late.problems) == (1, ())


async def test_a_clock_that_jumped_bills_nothing(till: Till, clock: FakeClock):
    """A month that is not over would be billed short, and never again."""
    clock.now_us = OCTOBER
    ana = await till.customer()
    await till.profile(ana)
    await calendar.believe(till.context, clock.now_us)
    await wallets.credit(till.context, ana.id, 1000, **ON_ACCOUNT)
    clock.now_us = NOVEMBER
    refused = await _bill(till, trusts_clock=False)
    assert "grip maintenance --trust-clock" in refused.problems[0]
    assert refused.did == {}
