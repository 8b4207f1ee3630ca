"""Many who buy at once, in processes of their own, some of whose transactions are rolled back."""

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec

from grip.payments.port import Charge
from grip.services.context import Context
from tests import forks
from tests.e2e.gateway import environ
from tests.selling import rush

WORKERS, EACH = 4, 30


def _work(url: str, folder: Path, number: int, wallets: list[str]) -> list[Charge]:
    """Run one worker to its end."""
    module = [sys.executable, "-m", "tests.selling.rush"]
    words = [*module, url, str(number * EACH), str(EACH), *wallets]
    pipe = subprocess.PIPE
    with forks.Popen(words, env=environ(url), cwd=folder, stdout=pipe) as process:
        told, _ = process.communicate()
    assert process.returncode == 0
    return msgspec.json.decode(told, type=list[Charge])


async def test_orders_of_four_workers_leave_no_gap_and_no_difference(
    context: Context, tmp_path: Path
):
    """Numbers from 1 on, and orders, provider, journal and documents agree."""
    wallets = await rush.customers(context, 7)
    sold = await asyncio.gather(
        *(
            asyncio.to_thread(_work, context.database.url, tmp_path, number, wallets)
            for number in range(WORKERS)
        )
    )
    charges = [charge for each in sold for charge in each]
    numbers = await rush.numbers(context)

    assert await rush.differences(context, charges) == []
    assert len(charges) == WORKERS * EACH
    assert {series[:3] for series in numbers} == {"INV", "CN-"}
    assert all(each == list(range(1, len(each) + 1)) for each in numbers.values())
