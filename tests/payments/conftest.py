"""Providers against servers on this machine."""

from collections.abc import AsyncIterator, Iterator

import pytest

from grip.payments.port import Purchase
from grip.payments.stripe.adapter import StripeProvider
from tests.stripe_server import KEY, NOW_S, SECRET, StripeServer

NOW_US = NOW_S * 1_000_000


@pytest.fixture
def server() -> Iterator[StripeServer]:
    """An account of Stripe."""
    made = StripeServer()
    yield made
    made.stop()


@pytest.fixture
async def provider(server: StripeServer) -> AsyncIterator[StripeProvider]:
    """The adapter pointed at it, which tries once."""
    made = StripeProvider(
        "stripe",
        secret_key=KEY,
        webhook_secrets=[SECRET],
        api_base=server.address,
        deadline_s=60,
        retries=0,
    )
    yield made
    await made.close()


@pytest.fixture
def purchase() -> Purchase:
    """Forty-nine dollars."""
    return Purchase(
        order_id="ord_1",
        session_id="cs_1",
        currency="USD",
        gross_minor=4900,
        description="Starter: 49,000 credits",
        success_url="https://grip.example.com/paid",
        cancel_url="https://grip.example.com/back",
        expires_us=NOW_US + 3_600_000_000,
        email="ada@example.com",
        metadata={"wallet": "wal_1"},
    )
