"""Many who buy at once, in processes of their own, some of whose transactions are rolled back."""

import asyncio
import sys

import msgspec

from grip.payments.port import Charge
from grip.services.context import Context
from tests.selling import rush

WORKERS, EACH = 4, 30


async def _work(url: str, number: int, wallets: list[str]) -> list[Charge]:
    """Run one worker to its end."""
    words = ("-m", "tests.selling.rush", url, str(number * EACH), str(EACH), *wallets)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode == 0
    return msgspec.json.decode(told, type=list[Charge])


async def test_orders_of_four_workers_leave_no_gap_and_no_difference(
    context: Context,
):
    """Numbers from 1 on, and orders, provider, journal and documents agree."""
    wallets = await rush.customers(context, 7)
    sold = await asyncio.gather(
        *(_work(context.database.url, number, wallets) for number in range(WORKERS))
    )
    charges = [charge for each in sold for charge in each]
    numbers = await rush.numbers(context)

    assert await rush.differences(context, charges) == []
    assert len(charges) == WORKERS * EACH
    assert {series[:3] for series in numbers} == {"INV", "CN-"}
    assert all(each == list(range(1, len(each) + 1)) for each in numbers.values())
