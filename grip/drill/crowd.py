"""The clients of a drill: many at once, each taking one step after the other until it is over."""

import asyncio
import json
from collections.abc import Callable
from typing import Final

from grip.drill import kinds
from grip.drill.client import Client, Order
from grip.drill.notes import Ending
from grip.drill.plan import Mood
from grip.drill.shop import Purse, Shop
from grip.drill.steps import Step, Steps

CLIENTS: Final = 48
_TRIES: Final = 8
_ASK_AGAIN_S: Final = 0.15
_AFTERWARDS_MAX: Final = 300
_AT_ONCE: Final = 8


class Crowd:
    """Clients with a common mood; `stop` lets each of them finish what it has begun."""

    def __init__(self, client: Client, shop: Shop, seed: int) -> None:
        self.mood = Mood.CALM
        self._client = client
        self._shop = shop
        self._seed = seed
        self._is_over = False
        self._groups: list[Order] = []

    async def live(self) -> None:
        """Call until it is over."""
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._live(number))

    def stop(self) -> None:
        """Begin nothing new."""
        self._is_over = True

    async def ask_again(self, tell: Callable[[], None]) -> None:
        """Repeat the newest duplicates once more, now that nothing troubles the gateway.

        `tell` is called after each of them.
        """
        limit = asyncio.Semaphore(_AT_ONCE)

        async def ask(order: Order) -> None:
            async with limit:
                await self._client.call(_again(order, is_afterwards=True))
            tell()

        async with asyncio.TaskGroup() as group:
            for order in self.askable:
                group.create_task(ask(order))

    @property
    def askable(self) -> list[Order]:
        """The duplicates that `ask_again` repeats."""
        return self._groups[-_AFTERWARDS_MAX:]

    async def _live(self, number: int) -> None:
        steps = Steps(self._seed, number)
        count = 0
        while not self._is_over:
            step = steps.next(self.mood)
            count += 1
            name = f"drill-{self._seed}-{number}-{count}" if step.is_duplicated else None
            await self._take(step, self._order(step, name))
            await asyncio.sleep(step.pause_s)

    async def _take(self, step: Step, order: Order) -> None:
        if not step.is_duplicated:
            await self._client.call(order)
            return
        self._groups.append(order)
        if step.kind == kinds.LATER:
            await self._client.call(order)
            await self._repeat(order, step.copies)
            return
        async with asyncio.TaskGroup() as group:
            for _ in range(step.copies):
                group.create_task(self._client.call(order))
        await self._repeat(order, 2)

    async def _repeat(self, order: Order, copies: int) -> None:
        """Call again until so many calls in all were answered; a client that cannot wait ends."""
        answered = 1
        for _ in range(_TRIES):
            if answered >= copies or self._is_over:
                return
            await asyncio.sleep(_ASK_AGAIN_S)
            attempt = await self._client.call(_again(order))
            answered += attempt.ending is Ending.WHOLE

    def _order(self, step: Step, name: str | None) -> Order:
        return Order(
            kind=step.kind,
            model=step.model,
            stream=step.stream,
            body=_body(step),
            secret=self._purse(step).secret,
            group=name,
            leave_after=step.leave_after,
            leave_s=step.leave_s,
        )

    def _purse(self, step: Step) -> Purse:
        purses = self._shop.poor if step.kind == kinds.EMPTY else self._shop.rich
        return purses[int(step.purse * len(purses))]


def _again(order: Order, *, is_afterwards: bool = False) -> Order:
    """Return the order as it is repeated: a client that comes back stays to the end."""
    return Order(
        kind=kinds.LATER,
        model=order.model,
        stream=order.stream,
        body=order.body,
        secret=order.secret,
        group=order.group,
        is_afterwards=is_afterwards,
    )


def _body(step: Step) -> bytes:
    content = " ".join(["word"] * step.words)
    body: dict[str, object] = {
        "model": step.model,
        "messages": [{"role": "user", "content": content}],
    }
    if step.max_tokens is not None:
        body["max_tokens"] = step.max_tokens
    if step.stream:
        body["stream"] = True
    if step.wants_usage:
        body["stream_options"] = {"include_usage": True}
    return json.dumps(body).encode()
