"""What a payment provider is answered, and when: after the commit, or not with 200."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from grip import errors
from grip.services.selling import invoices, tiers
from grip.store import orders
from grip.store.orders import Order
from grip.web.routes import webhooks
from tests.selling.bank import Bank, Shelf
from tests.selling.conftest import BONUS, CREDITS, Till
from tests.selling.test_listening import told

ALL = CREDITS + BONUS


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, and what the wallet had at that very moment."""

    status: int
    balance: int


async def _post(till: Till, order: Order, raw: bytes, path: str = "/webhooks/stripe") -> Answer:
    app: Any = SimpleNamespace(context=till.context, payments=Shelf(Bank()))
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"signature", b"good"), (b"content-length", str(len(raw)).encode())],
    }
    seen: list[Answer] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            balance = (await _wallet(till, order)).balance
            seen.append(Answer(status=message["status"], balance=balance))

    handle = webhooks.handler(app)
    await asyncio.ensure_future(handle(scope, receive, send))  # type: ignore[arg-type]
    (answer,) = seen
    return answer


async def _wallet(till: Till, order: Order) -> Any:
    return await till.wallet(SimpleNamespace(id=order.wallet_id))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failure", "status"),
    [(errors.DatabaseUnavailable("it is away"), 503), (RuntimeError("a defect"), 500)],
)
async def test_a_webhook_is_answered_after_its_effect_or_not_with_200(
    till: Till, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: int
):
    """Row 5: whatever fails, it is sent again, and what 200 was said to is there already."""

    async def fail(*_: object, **__: object) -> None:
        raise failure

    order = await till.order(await till.customer())
    with monkeypatch.context() as patch:
        patch.setattr(invoices, "issue_for_payment", fail)
        assert await _post(till, order, told(order)) == Answer(status=status, balance=0)

    assert await _post(till, order, told(order)) == Answer(status=200, balance=ALL)
    assert await _post(till, order, told(order)) == Answer(status=200, balance=ALL)


async def test_a_payment_is_done_whole_or_not_at_all(till: Till, monkeypatch: pytest.MonkeyPatch):
    """Row 6: what fails after the credits takes status, credits, invoice and number back."""

    async def fail(*_: object, **__: object) -> None:
        raise errors.DatabaseUnavailable("it is away")

    order = await till.order(await till.customer())
    with monkeypatch.context() as patch:
        patch.setattr(tiers, "review", fail)
        await _post(till, order, told(order))
    async with till.context.database.read() as connection:
        found = await orders.find(connection, order.id)
    assert found == order
    assert await till.documents(order) == []

    await _post(till, order, told(order))
    assert [one.name[-6:] for one in await till.documents(order)] == ["000001"]


async def test_a_webhook_of_nobody_is_not_found(till: Till):
    """A name that is not configured leads nowhere."""
    order = await till.order(await till.customer())

    assert (await _post(till, order, told(order), "/webhooks/other")).status == 404
