"""One step of a purchase, in a process that dies on the way: forked here, where all is loaded.

    python -m tests.crash.dying

Each line of standard input is a `Job`; the answer to it is a line with how its process ended.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, replace

from grip import failpoints
from grip.ids import IdSource
from grip.payments.build import Providers
from grip.payments.port import PaymentProvider
from grip.payments.stripe.adapter import StripeProvider
from grip.services.context import Context
from grip.services.selling import agreeing, checkout, listening, refunds
from grip.services.selling.agreeing import Links
from grip.services.selling.checkout import Wish
from grip.settings import Settings, load
from grip.store.engine import Database
from grip.store.records import Caller
from tests.selling.conftest import SELLER, TAXES
from tests.stripe_server import KEY, SECRET


@dataclass(frozen=True, kw_only=True)
class Job:
    """A step, and where its process dies.

    `step` is `buy` of the wallet `what`, `hear` of the body `what`, or `give back` of the order.
    """

    url: str
    api_base: str
    now_us: int
    step: str
    at: str
    what: str
    headers: dict[str, str]


class Till(Providers):
    """Stripe alone."""

    def __init__(self, api_base: str) -> None:
        super().__init__({"stripe": {}})
        self._stripe = StripeProvider(
            "stripe",
            secret_key=KEY,
            webhook_secrets=[SECRET],
            api_base=api_base,
            deadline_s=10,
            retries=0,
        )

    def get(self, name: str) -> PaymentProvider:
        """Return Stripe, whatever it is called."""
        assert name == "stripe"
        return self._stripe

    async def close(self) -> None:
        """Close its connections."""
        await self._stripe.close()


async def buy(context: Context, till: Till, wallet_id: str) -> checkout.Begun:
    """Begin the checkout of a wallet's owner: the same each time it is tried."""
    fields = dict.fromkeys(Caller.__dataclass_fields__)
    known = {"wallet_id": wallet_id, "key_id": "key_1", "is_owner": True}
    caller = Caller(**fields | known)  # type: ignore[arg-type]
    wish = Wish(
        offer=agreeing.of_package(context, "growth"),
        links=Links(success_url="https://shop.example/done"),
        idem_key="key_1:once",
        fingerprint="f",
    )
    return await checkout.begin(context, till.get("stripe"), caller, wish)


async def give_back(context: Context, till: Till, order_id: str) -> None:
    """Refund all of an order, as `grip orders refund` does it."""
    asked = await refunds.request(context, order_id, actor="eve", reason="unhappy")
    await refunds.submit(context, till, asked)


async def _do(job: Job, settings: Settings) -> None:
    database = Database(job.url)
    context = Context(
        database=database, settings=settings, clock=lambda: job.now_us, ids=IdSource()
    )
    till = Till(job.api_base)
    if job.step == "buy":
        await buy(context, till, job.what)
    elif job.step == "hear":
        await listening.receive(context, till.get("stripe"), job.what.encode(), job.headers)
    else:
        await give_back(context, till, job.what)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fork(job: Job, settings: Settings) -> int:
    pid = os.fork()
    if not pid:
        failpoints.arm(job.at, _die)
        asyncio.run(_do(job, settings))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def encode(job: Job) -> str:
    """Return a job as its line."""
    return json.dumps(asdict(job)) + "\n"


def main() -> None:
    """Do job after job."""
    settings = replace(load(environ={}), seller=SELLER, taxes=TAXES)
    for line in sys.stdin:
        sys.stdout.write(f"{_fork(Job(**json.loads(line)), settings)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
