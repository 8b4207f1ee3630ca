"""A whole worker in this process: it begins, is given up and goes on, and stops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import pytest

from grip import app as composition
from grip import errors
from grip.app import App
from grip.gateway.call import Call, Completed
from grip.money.entries import CRASH_VOID, Admit, Admitted, Stale
from grip.providers.json_object import JsonObject
from grip.settings import load
from grip.store import boots
from grip.web.surfaces import chat
from tests.books.conftest import Customer, House

Opens = Callable[..., AbstractAsyncContextManager[App]]


@pytest.fixture
def worker(house: House, database_url: str) -> Opens:
    """Starts a worker on the house's database, and stops it after the block as a server does."""

    @asynccontextmanager
    async def run(succeeds: tuple[str, ...] = ()) -> AsyncIterator[App]:
        app = composition.build(load(environ={"GRIP_DATABASE_URL": database_url}))
        await app.start(succeeds=succeeds)
        try:
            yield app
        finally:
            await app.drain()
            await app.stop()

    return run


@pytest.fixture
async def ana(house: House) -> Customer:
    """Who calls."""
    return await house.customer()


def asked(customer: Customer, number: int = 1, *, stream: bool = False) -> Call:
    """Return a call to the house's model, which its sandbox answers."""
    body = {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    return chat.parse(
        JsonObject(msgspec.json.encode(body | {"max_tokens": 50})),
        request_id=f"req_{number}",
        key_hash=customer.hash,
        ip="192.0.2.1",
    )


class Client:
    """The `Sink` of a stream that keeps what it was told."""

    def __init__(self) -> None:
        self.seen = b""
        self.error: errors.GripError | None = None
        self.has_ended = False

    def listen(self) -> None: ...

    async def start(self, admitted: Admitted, fallback: str | None) -> None: ...

    async def send(self, data: bytes) -> bool:
        self.seen += data
        return True

    async def end(self, data: bytes) -> None:
        self.seen += data
        self.has_ended = True

    async def fail(self, error: errors.GripError) -> None:
        self.error = error

    def when_left(self, callback: Callable[[], None]) -> None: ...


class Gate:
    """Keeps calls before their upstream until it is opened."""

    def __init__(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_open = asyncio.Event()
        self.arrived = asyncio.Semaphore(0)
        upstream: Any = app.pipeline._upstream
        complete, open_ = upstream.complete, upstream.open

        async def gated_complete(*args: Any) -> Any:
            await self._wait()
            return await complete(*args)

        @asynccontextmanager
        async def gated_open(*args: Any) -> AsyncIterator[Any]:
            await self._wait()
            async with open_(*args) as stream:
                yield stream

        monkeypatch.setattr(upstream, "complete", gated_complete)
        monkeypatch.setattr(upstream, "open", gated_open)

    async def _wait(self) -> None:
        self.arrived.release()
        await self.is_open.wait()


async def give_up(house: House, boot_id: str) -> None:
    async with house.database.write() as connection:
        assert await boots.end(connection, boot_id, boots.DEAD, 1)


async def endings(house: House) -> dict[str, str | None]:
    return {row["id"]: row["ending"] for row in await house.rows("boot")}


async def test_a_call_under_a_dead_boot_is_admitted_under_a_new_one(
    house: House, worker: Opens, ana: Customer, monkeypatch: pytest.MonkeyPatch
):
    """The books refuse it once; its client does not notice."""
    async with worker() as app:
        first = app.boot.id
        await give_up(house, first)
        told: list[Any] = []
        submit = app.books.submit

        async def listen(entry: Any) -> Any:
            outcome = await submit(entry)
            if isinstance(entry, Admit):
                told.append((entry.boot_id, type(outcome)))
            return outcome

        monkeypatch.setattr(app.books, "submit", listen)
        done = await app.pipeline.complete(asked(ana))

        assert isinstance(done, Completed)
        assert told == [(first, Stale), (app.boot.id, Admitted)]
        assert app.boot.id != first
    assert set((await endings(house)).values()) == {boots.DEAD, boots.STOPPED}
    await house.verify()


async def test_many_calls_under_a_dead_boot_are_admitted_under_one_new_one(
    house: House, worker: Opens, ana: Customer
):
    """However many of them find out at the same moment."""
    await house.run("UPDATE wallet SET tier = 'enterprise'")
    async with worker() as app:
        await give_up(house, app.boot.id)
        calls = (app.pipeline.complete(asked(ana, number)) for number in range(40))
        await asyncio.gather(*calls)

    assert len(await endings(house)) == 2
    assert len(await house.rows("usage")) == 40
    await house.verify()


async def test_a_call_that_was_given_up_under_way_fails_and_costs_nothing(
    house: House, worker: Opens, ana: Customer, monkeypatch: pytest.MonkeyPatch
):
    """Its late settlement finds no hold; its client gets no answer that nobody was charged for."""
    async with worker() as app, worker() as other:
        gate = Gate(app, monkeypatch)
        call = asyncio.create_task(app.pipeline.complete(asked(ana)))
        await gate.arrived.acquire()
        await give_up(house, app.boot.id)
        resolved = await other.janitor.run()
        gate.is_open.set()
        with pytest.raises(errors.ServiceUnavailable):
            await call
    (row,) = await house.rows("usage")

    assert resolved == 1
    assert (row["request_id"], row["status"], row["cost_nano"]) == ("req_1", CRASH_VOID, 0)
    assert (await house.wallet(ana.wallet_id)).balance == 1_000
    await house.verify()


async def test_a_stream_that_was_given_up_under_way_ends_without_its_end(
    house: House, worker: Opens, ana: Customer, monkeypatch: pytest.MonkeyPatch
):
    """An error event instead of `[DONE]`."""
    client = Client()
    async with worker() as app, worker() as other:
        gate = Gate(app, monkeypatch)
        call = asyncio.create_task(app.pipeline.stream(asked(ana, stream=True), client))
        await gate.arrived.acquire()
        await give_up(house, app.boot.id)
        await other.janitor.run()
        gate.is_open.set()
        await call
    (row,) = await house.rows("usage")

    assert b"sandbox" in client.seen
    assert (client.has_ended, b"[DONE]" in client.seen) == (False, False)
    assert isinstance(client.error, errors.ServiceUnavailable)
    assert (row["status"], row["cost_nano"]) == (CRASH_VOID, 0)
    await house.verify()


async def test_a_clean_stop_finishes_calls_and_leaves_no_hold(
    house: House, worker: Opens, ana: Customer, monkeypatch: pytest.MonkeyPatch
):
    """The boot has ended as stopped, with all of its calls in the books."""
    client = Client()
    async with worker() as app:
        gate = Gate(app, monkeypatch)
        calls: list[Awaitable[Any]] = [
            asyncio.create_task(app.pipeline.complete(asked(ana, 1))),
            asyncio.create_task(app.pipeline.stream(asked(ana, 2, stream=True), client)),
        ]
        for _ in calls:
            await gate.arrived.acquire()
        held = await house.rows("holds")
        gate.is_open.set()
        await asyncio.gather(*calls)

    assert {row["boot_id"] for row in held} == {app.boot.id}
    assert len(held) == 2
    assert client.has_ended
    assert await endings(house) == {app.boot.id: boots.STOPPED}
    assert await house.rows("holds") == []
    assert {row["status"] for row in await house.rows("usage")} == {"completed"}
    await house.verify()


async def test_a_stop_that_cuts_calls_leaves_no_hold_either(
    house: House, worker: Opens, ana: Customer, monkeypatch: pytest.MonkeyPatch
):
    """Their time is over: they are released, and cost nothing."""
    async with worker() as app:
        gate = Gate(app, monkeypatch)
        calls = [
            asyncio.create_task(app.pipeline.complete(asked(ana, 1))),
            asyncio.create_task(app.pipeline.stream(asked(ana, 2, stream=True), Client())),
        ]
        for _ in calls:
            await gate.arrived.acquire()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)

    assert all(call.cancelled() for call in calls)
    assert await endings(house) == {app.boot.id: boots.STOPPED}
    await house.untouched(ana)
    await house.verify()


async def test_whoever_replaces_a_dead_worker_resolves_its_calls_before_it_serves(
    house: House, worker: Opens, ana: Customer
):
    """A supervisor saw the process go: there is nothing to wait for."""
    async with house.database.write() as connection:
        await boots.register(connection, "boot_dead", host="", region="", now_us=0)
    books = await house.open()
    await books.submit(await house.asks(books, ana, 2, boot_id="boot_dead"))
    async with worker(succeeds=("boot_dead",)) as app:
        held = await house.rows("holds")
        (row,) = await house.rows("usage")
        living = (await endings(house))[app.boot.id]

    assert (len(held), row["status"], living) == (0, CRASH_VOID, None)
    assert (await endings(house))["boot_dead"] == boots.DEAD
    await house.verify()
