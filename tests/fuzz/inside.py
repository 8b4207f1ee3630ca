"""A whole gateway in the process of the tests, on SQLite: real handlers, upstreams from memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from anyio.from_thread import BlockingPortal
from litestar.types import ASGIApp

from grip import app as gateway
from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.providers.port import UpstreamRequest
from grip.services import accounts, billing, channels, keys, ledger, models, wallets
from grip.services.billing import Words
from grip.settings import load
from grip.store.tables import holds
from grip.transport.port import Reply, StreamReply, Timeouts
from grip.web import app as web_app
from tests.fuzz.polite import answer_to

PLENTY = 8 * 10**9
KINDS = ("anthropic", "gemini", "openai")
TYPES = ("chat", "embedding", "moderation", "rerank", "image", "audio", "video")
RATES = Rates(input_nano=NANO // 10, output_nano=NANO)
SELLS = """
[seller]
name = "Grip GmbH"
address = ["Weg 2"]
city = "Berlin"
postcode = "10117"
country = "DE"
tax_id = "DE136695976"
[taxes.de]
country = "DE"
rate = "19"
[payments.sandbox]
webhook_secret = "file:{folder}/secret"
"""
"""What there has to be for a checkout to begin."""

FILM = Rates(second_nano=NANO)


@dataclass(kw_only=True)
class Heard:
    """An answer as a client has it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Memory:
    """A transport whose upstreams do what `script` says of a request: a type, and its bytes."""

    def __init__(self) -> None:
        self.script: Callable[[UpstreamRequest], tuple[str, bytes]] = answer_to
        self.asked: list[UpstreamRequest] = []

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        self.asked.append(request)
        kind, body = self.script(request)
        return Reply(status=200, headers={"content-type": kind}, body=body)

    @asynccontextmanager
    async def open(
        self, request: UpstreamRequest, timeouts: Timeouts
    ) -> AsyncIterator[StreamReply]:
        self.asked.append(request)
        yield _Reply(*self.script(request))

    async def close(self) -> None:
        """Nothing is open."""


class _Reply:
    """A `StreamReply` of one piece."""

    def __init__(self, kind: str, body: bytes) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": kind}
        self._parts = [body]

    async def read(self) -> bytes:
        return self._parts.pop() if self._parts else b""

    async def read_all(self) -> bytes:
        return await self.read()

    def finish(self) -> None:
        """Nothing is left."""


class Inside:
    """The gateway, a customer with plenty of credits, and models on every kind of channel.

    A model is called by its type and the kind of its channel: `chat-gemini`.
    """

    def __init__(self, portal: BlockingPortal) -> None:
        self.portal = portal
        self.upstream = Memory()
        self.secret = ""

    def start(self, url: str, config: Path | None = None) -> None:
        """Open the shop on this database."""
        settings = load(config, environ={"GRIP_DATABASE_URL": url})
        self.app = gateway.build(settings)
        self.app.pipeline._upstream._transport = self.upstream
        self.asgi: ASGIApp = web_app.build(self.app)
        self.portal.call(self._open)

    def stop(self) -> None:
        """Close it; the books must add up, and nothing be held."""
        report = self.portal.call(ledger.verify, self.app.context)
        held = self.held()
        self.portal.call(self.app.stop)

        assert report.ok, [check for check in report.checks if not check.ok]
        assert held == 0

    def ask(
        self,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        query: bytes = b"",
    ) -> Heard:
        """Call the gateway as its server does; the body may come in pieces."""
        pieces = [body] if isinstance(body, bytes) else list(body)
        sent = {"authorization": f"Bearer {self.secret}", **(headers or {})}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("192.0.2.1", 4711),
            "server": ("127.0.0.1", 8000),
        }
        heard: Heard = self.portal.call(self._ask, scope, pieces)
        return heard

    def held(self) -> int:
        """Return how many holds there are."""

        async def count() -> int:
            async with self.app.context.database.read() as connection:
                query = sa.select(sa.func.count()).select_from(holds)
                return int((await connection.execute(query)).scalar_one())

        return self.portal.call(count)

    async def _ask(self, scope: Any, pieces: list[bytes]) -> Heard:
        heard = Heard()
        waiting = [
            {"type": "http.request", "body": piece, "more_body": at < len(pieces)}
            for at, piece in enumerate(pieces, start=1)
        ]
        never = asyncio.Event()

        async def receive() -> Any:
            if not waiting:
                await never.wait()
            return waiting.pop(0)

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                heard.status = message["status"]
                pairs = message["headers"]
                heard.headers = {name.decode(): value.decode() for name, value in pairs}
            else:
                heard.body += message["body"]

        await self.asgi(scope, receive, send)
        return heard

    async def _open(self) -> None:
        await self.app.start()
        context = self.app.context
        account = await accounts.create(context, actor="test", email="ana@example.com")
        why: Any = {"actor": "test", "reason": "test"}
        await wallets.credit(context, account.wallet_id, PLENTY, **why)
        await wallets.set_tier(context, account.wallet_id, "enterprise", **why)
        made = await keys.create(context, account.wallet_id, actor="test", name="main")
        profile = Words(
            name="Ana", address=["Weg 1"], city="Berlin", postcode="10115", country="DE"
        )
        await billing.set_profile(context, account.wallet_id, profile, actor="test")
        self.secret = made.secret
        for kind in KINDS:
            url = f"http://{kind}.test/v1"
            draft = channels.Draft(name=kind, kind=kind, base_url=url, groups=[kind])
            await channels.add(context, draft, actor="test")
            for type_ in TYPES if kind == "openai" else ("chat",):
                await models.add(
                    context,
                    models.Draft(
                        name=f"{type_}-{kind}",
                        type=type_,
                        sell=FILM if type_ == "video" else RATES,
                        groups=[kind],
                    ),
                    actor="test",
                )


def open_inside(portal: BlockingPortal, template: Path, folder: Path) -> Inside:
    """Return a running gateway on a copy of a migrated database."""
    (folder / "grip.db").write_bytes(template.read_bytes())
    inside = Inside(portal)
    (folder / "secret").write_text("whsec_" + "A" * 44)
    (folder / "grip.toml").write_text(SELLS.format(folder=folder))
    inside.start(f"sqlite:///{folder / 'grip.db'}", folder / "grip.toml")
    return inside
