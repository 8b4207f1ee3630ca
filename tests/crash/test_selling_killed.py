"""kill -9 at every place of a purchase, at Stripe: order, session, webhook and refund.

Whatever died, the customer tries again, the janitor asks, and Stripe repeats its events. The end is
always the same: one order, one session, one payment credited once, one refund, and nothing held.
"""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from grip import errors
from grip.failpoints import SELLING_NAMES
from grip.services.context import Context
from grip.services.selling import janitor, listening, reconciling, sales
from grip.store import payments
from grip.store.orders import Order
from grip.store.records import Wallet
from tests.conftest import FakeClock
from tests.crash import dying
from tests.crash.dying import Job
from tests.selling.conftest import Till, context, till
from tests.stripe_server import NOW_S, StripeServer, delivered

__all__ = ["context", "till"]

BOUGHT = 199_000 + 9_950
STEPS = {"order": "buy", "session": "buy", "webhook": "hear", "refund": "give back"}
OPEN = (
    *("session.before_open", "session.after_open", "webhook.before_commit"),
    *("refund.before_ask", "refund.after_ask"),
)
"""Who dies here leaves something open."""

PLACES = [(name, "told") for name in SELLING_NAMES] + [(name, "asked") for name in OPEN]
"""Who brings it to its end: whoever tries again, or the janitor."""


@pytest.fixture
def clock() -> FakeClock:
    """A clock at the time of Stripe's server."""
    return FakeClock(NOW_S * 1_000_000)


@pytest.fixture
def server() -> Iterator[StripeServer]:
    """An account of Stripe."""
    made = StripeServer()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def forks() -> Iterator["subprocess.Popen[str]"]:
    """Where the processes that die are forked."""
    words = [sys.executable, "-m", "tests.crash.dying"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


class Shop:
    """One purchase, one of whose steps is died in."""

    def __init__(
        self,
        till: Till,
        server: StripeServer,
        clock: FakeClock,
        forks: "subprocess.Popen[str]",
        at: str,
    ) -> None:
        self.context: Context = till.context
        self.stripe = dying.Till(server.address)
        self._till, self._server, self._clock, self._forks = till, server, clock, forks
        self._at = at

    @property
    def dies_in(self) -> str:
        """The step that is died in."""
        return STEPS[self._at.partition(".")[0]]

    def die(self, step: str, what: str, headers: dict[str, str] | None = None) -> None:
        """Die in a step, if it is the one."""
        if step != self.dies_in:
            return
        job = Job(
            url=self.context.database.url,
            api_base=self._server.address,
            now_us=self._clock(),
            step=step,
            at=self._at,
            what=what,
            headers=headers or {},
        )
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write(dying.encode(job))
        self._forks.stdin.flush()
        assert int(self._forks.stdout.readline()) == -signal.SIGKILL

    async def look(self, step: str, how: str) -> None:
        """Let the janitor look after a step that was died in, when it is due."""
        if step == self.dies_in and how == "asked":
            self._clock.advance(2 * 3600 if step == "hear" else 120)
            await janitor.run(self.context, self.stripe)

    async def hear(self, *kinds: str) -> None:
        """Let Stripe deliver its events of these kinds, those that have come too."""
        for event in self._server.events:
            if event["type"] in kinds:
                raw, headers = delivered(event, at_s=self._clock() // 1_000_000)
                await listening.receive(self.context, self.stripe.get("stripe"), raw, headers)

    async def order(self) -> Order:
        """Return the order, which is the only one."""
        (order,) = await sales.list_orders(self.context)
        return order


@pytest.fixture
async def shop(
    till: Till,
    server: StripeServer,
    clock: FakeClock,
    forks: "subprocess.Popen[str]",
    place: str,
) -> AsyncIterator[Shop]:
    """The shop, which dies at `place`."""
    made = Shop(till, server, clock, forks, place)
    yield made
    await made.stripe.close()


PAID = "checkout.session.completed"
RETURNED = ("refund.created", "charge.refunded")


async def _buy(shop: Shop, ana: Wallet, how: str) -> Order:
    shop.die("buy", ana.id)
    await shop.look("buy", how)
    begun = await dying.buy(shop.context, shop.stripe, ana.id)
    assert begun.opened.url
    return await shop.order()


async def _pay(shop: Shop, server: StripeServer, how: str) -> None:
    (session,) = server.sessions
    server.pay(session)
    raw, headers = delivered(server.events[-1], at_s=shop.context.clock() // 1_000_000)
    shop.die("hear", raw.decode(), headers)
    await shop.look("hear", how)
    await shop.hear(PAID)
    await shop.hear(PAID)


async def _give_back(shop: Shop, order: Order, how: str) -> None:
    shop.die("give back", order.id)
    await shop.look("give back", how)
    await shop.hear(*RETURNED)
    async with shop.context.database.read() as connection:
        asked = await payments.refunds_of(connection, order.id)
    if not asked:
        await dying.give_back(shop.context, shop.stripe, order.id)
    elif asked[0].ended_us is None:
        # Stripe was never asked, and tells nothing: this is for the janitor alone.
        await shop.look(shop.dies_in, "asked")
    else:
        with pytest.raises(errors.Conflict):
            await dying.give_back(shop.context, shop.stripe, order.id)
    await shop.hear(*RETURNED)


@pytest.mark.parametrize(("place", "how"), PLACES)
async def test_a_purchase_that_is_killed_anywhere_is_done_once(
    shop: Shop, till: Till, server: StripeServer, place: str, how: str
):
    """Credited at most once, and at least once after a repetition or the janitor."""
    ana = await till.customer()
    await till.profile(ana)
    order = await _buy(shop, ana, how)
    assert (await till.wallet(ana)).balance == 0
    await _pay(shop, server, how)
    paid = await till.wallet(ana)
    await _give_back(shop, order, how)
    after, order = await till.wallet(ana), await shop.order()
    async with till.context.database.read() as connection:
        (refund,) = await payments.refunds_of(connection, order.id)

    assert (paid.balance, paid.held) == (BOUGHT, 0)
    assert (after.balance, after.held, after.debt) == (0, 0, 0)
    assert (order.status, refund.state, order.disputed) == ("reversed", "succeeded", False)
    assert (len(server.sessions), len(server.refunds)) == (1, 1)
    kinds = sorted(one.kind for one in await till.documents(order))
    assert kinds == ["credit_note", "invoice"]
    assert await janitor.run(till.context, shop.stripe) == 0
    assert await _differences(shop) == []


async def _differences(shop: Shop) -> list[reconciling.Difference]:
    """Return what `grip reconcile` finds."""
    until_us = shop.context.clock() + 1
    charges = shop.stripe.get("stripe").charges(0, until_us)
    return [
        *await reconciling.own_books(shop.context),
        *await reconciling.with_provider(
            shop.context, "stripe", charges, from_us=0, to_us=until_us
        ),
    ]
