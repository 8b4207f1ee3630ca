"""Gateways and vendors on real sockets in the test's own loop, at times that the test sets.

Unlike a studio a gateway here is asked over HTTP, and may be another one's upstream. Nothing in it
runs by itself: `turn` moves the time and does what is due.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import sqlalchemy as sa
import uvicorn

from grip import app as composition
from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import accounts, channels, keys, ledger, models, wallets
from grip.settings import load
from grip.store.tables import metadata
from grip.web import app as web_app
from grip.web import protocol, server
from tests.conftest import FakeClock
from tests.storage.files import sample

EACH = 40
RATES = {"video": Rates(second_nano=EACH * NANO), "image": Rates(image_nano=EACH * NANO)}
FILM = sample("red.mp4")
PICTURE = sample("red.png")
_NUMBERS = itertools.count(1)


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[str]:
    """Run an application on the real server; yield where it listens, as `127.0.0.1:PORT`."""
    listener = server.listen("127.0.0.1", 0)
    config = uvicorn.Config(
        application, http=protocol.BoundedProtocol, lifespan="off", log_config=None
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve([listener]))
    try:
        yield "{}:{}".format(*listener.getsockname())
    finally:
        running.should_exit = True
        await task


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A wallet's owner, and the key's value."""

    wallet_id: str
    secret: str


class Gateway:
    """A gateway with its operator; its worker does nothing that it is not told to."""

    def __init__(self, app: composition.App, place: str, clock: FakeClock, folder: Path) -> None:
        self.app = app
        self.folder = folder
        self.place = place
        self.url = f"http://{place}"
        self.clock = clock
        self.http = httpx2.AsyncClient(base_url=self.url, timeout=30)

    async def customer(self) -> Customer:
        """Open an account with 1,000 credits and a key."""
        context, email = self.app.context, f"c{next(_NUMBERS)}@example.com"
        account = await accounts.create(context, actor="test", email=email)
        change = 1_000 - (await wallets.get(context, account.wallet_id)).balance
        if change:
            post = wallets.credit if change > 0 else wallets.debit
            await post(context, account.wallet_id, abs(change), actor="test", reason="start")
        made = await keys.create(context, account.wallet_id, actor="test", name="main")
        return Customer(wallet_id=account.wallet_id, secret=made.secret)

    async def sell(self, name: str, *, kind: str, type: str = "video", **channel: Any) -> None:  # noqa: A002
        """Offer a model over one channel of its own."""
        upstream = channel.pop("upstream", name)
        draft = channels.Draft(
            name=name, kind=kind, groups=[name], model_map={name: upstream}, **channel
        )
        await channels.add(self.app.context, draft, actor="test")
        good = models.Draft(name=name, type=type, sell=RATES[type], groups=[name])
        await models.add(self.app.context, good, actor="test")

    async def ask(
        self, customer: Customer, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        """Ask with the customer's key."""
        key = {"authorization": f"Bearer {customer.secret}"}
        return await self.http.request(method, path, json=body, headers=key | headers)

    async def get(self, customer: Customer, path: str, **headers: str) -> httpx2.Response:
        """Get what is at `path`."""
        return await self.ask(customer, "GET", path, **headers)

    async def begin(self, customer: Customer, model: str, **more: Any) -> Any:
        """Begin a task, and return it as it is shown."""
        body = {"model": model, "input": {"prompt": "A cat"}} | more
        answer = await self.ask(customer, "POST", "/v1/tasks", body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def turn(self) -> None:
        """Do what is due."""
        await self.app.tasks.worker.run()
        await self.app.tasks.worker.settle()

    async def ended(
        self, customer: Customer, task_id: str, *beside: "Gateway", step_s: float = 5
    ) -> Any:
        """Do what is due, here and `beside`, until the task is over."""
        found = None
        for _ in range(40):
            for each in (*beside, self):
                await each.turn()
            found = (await self.get(customer, f"/v1/tasks/{task_id}")).json()
            if found["status"] in ("completed", "failed"):
                return found
            self.clock.advance(step_s)
        raise AssertionError(f"not over yet: {found}")

    async def rows(self, table: str) -> list[Mapping[str, Any]]:
        """Return all rows of a table."""
        async with self.app.context.database.read() as connection:
            found = await connection.execute(sa.select(metadata.tables[table]))
            return [dict(row) for row in found.mappings()]

    def keeps(self, task_id: str) -> bool:
        """Return whether anything that the task made lies in the store."""
        return any((self.folder / "results").rglob(f"{task_id}*"))

    async def stored(self) -> str:
        """Return the text of all that is in the database."""
        return "\n".join([repr(await self.rows(name)) for name in sorted(metadata.tables)])


@asynccontextmanager
async def gateway(
    folder: Path,
    database_url: str,
    clock: FakeClock,
    *,
    mode: str = "store",
    allow: tuple[str, ...] = (),
) -> AsyncIterator[Gateway]:
    """Open a gateway over a migrated database; at its end its books must add up."""
    chosen = {
        "GRIP_DATABASE_URL": database_url,
        "GRIP_CALLBACKS_ALLOW": ",".join(allow),
        "GRIP_RESULTS_DIRECTORY": str(folder / "results"),
        "GRIP_RESULTS_MODE": mode,
    }
    app = composition.build(load(environ=chosen), clock=clock)
    await app.start()
    try:
        async with serving(web_app.build(app)) as place:
            opened = Gateway(app, place, clock, folder)
            async with opened.http:
                yield opened
        report = await ledger.verify(app.context)
        assert report.ok, [check for check in report.checks if not check.ok]
    finally:
        await app.stop()


@dataclass
class Vendor:
    """What vendors do: three wires of tasks at `api`, and the files that they link to at `cdn`.

    `asked` is what has reached either. `status` is what a result is answered with, `cut` after how
    many bytes it breaks off, `moves` whether `api` sends who asks for one on to `cdn`.
    """

    api: str = ""
    cdn: str = ""
    asked: list[tuple[str, str, str, Mapping[str, str]]] = field(default_factory=list)
    status: int = 200
    cut: int | None = None
    moves: bool = False
    expires_at: Any = None
    echoes: bool = False
    jobs: int = 0

    def recover(self) -> None:
        """Do well again, and forget who asked."""
        self.asked.clear()
        self.status, self.cut, self.moves = 200, None, False
        self.expires_at, self.echoes = None, False

    def fetches(self) -> list[Mapping[str, str]]:
        """Return the headers of each request for a result's bytes."""
        return [
            heads for _, _, path, heads in self.asked if path.endswith(("/content", "/film.mp4"))
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as an ASGI application."""
        heads = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        place, path = heads["host"], scope["path"]
        self.asked.append((place, scope["method"], path + ("?" + query if query else ""), heads))
        while (await receive()).get("more_body"):
            pass
        if path.endswith(("/content", "/film.mp4")):
            await self._result(place, path, heads, send)
            return
        status, told = self._told(scope["method"], path, heads)
        await _send(send, status, msgspec.json.encode(told), ("content-type", "application/json"))

    def _told(self, method: str, path: str, heads: Mapping[str, str]) -> tuple[int, Any]:
        if self.echoes:
            key = heads["authorization"]
            return 401, {"error": {"message": f"no such key: {key}"}, "detail": f"no: {key}"}
        if method == "POST":
            self.jobs += 1
            return self._taken(path, f"job-{self.jobs}")
        name = path.rpartition("/")[2]
        shown = {"id": name, "status": "completed", "seconds": "4", "expires_at": self.expires_at}
        film = f"http://{self.cdn}/film.mp4"
        if path.startswith("/v1/videos/"):
            return 200, shown
        if path.startswith("/v1/predictions/"):
            return 200, {"id": name, "status": "succeeded", "output": [film]}
        if name == "status":
            return 200, {"status": "COMPLETED", "request_id": path.split("/")[-2]}
        return 200, {"video": {"url": film}}

    def _taken(self, path: str, job: str) -> tuple[int, Any]:
        if path.startswith("/v1/images"):
            return 200, {"data": [{"b64_json": PICTURE}]}
        if path.startswith("/v1/models/"):
            return 201, {"id": job, "status": "starting"}
        url = f"http://{self.api}{path}/requests/{job}"
        queue = {"request_id": job, "response_url": url, "status": "IN_QUEUE"}
        return 200, queue if path != "/v1/videos" else {"id": job, "status": "queued"}

    async def _result(self, place: str, path: str, heads: Mapping[str, str], send: Any) -> None:
        if self.moves and place == self.api:
            await _send(send, 302, b"", ("location", f"http://{self.cdn}/film.mp4"))
            return
        if self.status >= 300:
            await _send(send, self.status, b"{}", ("content-type", "application/json"))
            return
        first, _, last = heads.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
        stop = int(last) + 1 if last else len(FILM)
        body = FILM[int(first) : stop]
        ranged = ("content-range", f"bytes {first}-{stop - 1}/{len(FILM)}")
        status = 206 if "range" in heads else 200
        await _send(send, status, body, ranged, cut=self.cut)


async def _send(
    send: Any, status: int, body: bytes, *headers: tuple[str, str], cut: int | None = None
) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    pairs.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    # Without an end, the server closes the connection.
    await send({"type": "http.response.body", "body": body[:cut], "more_body": cut is not None})


@asynccontextmanager
async def vendor() -> AsyncIterator[Vendor]:
    """Open a vendor whose files are at another address than its API."""
    opened = Vendor()
    async with serving(opened) as opened.api, serving(opened) as opened.cdn:
        yield opened
