"""A vendor of pictures that calls back, those who buy from it, and whoever else calls.

Calls come in where the server hands them over: at the handler of their route.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from grip.providers.port import UpstreamRequest
from grip.services import channels, models
from grip.store.tasks import Task
from grip.tasks.room import TaskRoom
from grip.transport.port import Reply, Timeouts
from grip.web.routes import hooks
from tests.books.conftest import Customer
from tests.tasks.studio import PUBLIC, RATES, Studio
from tests.tasks.vendors import Call, Fal, Replicate, Vendor

EITHER = pytest.mark.parametrize("stage", [Fal, Replicate], indirect=True)
"""With both vendors on each engine, instead of one."""


class Stage:
    """A vendor of pictures that calls back, and those who buy from it."""

    def __init__(self, studio: Studio, vendor: Vendor) -> None:
        self.studio = studio
        self.vendor = vendor
        self.clock = studio.clock
        self.number = 0
        studio.network.meddle = vendor.answer

    async def prepare(self, times: int = 1) -> None:
        """Offer a model over so many channels to the vendor."""
        context = self.studio.house.context
        for number in range(times):
            draft = channels.Draft(
                name=f"vendor-{number}",
                kind=self.vendor.kind,
                base_url=self.vendor.base_url,
                groups=["draw"],
                model_map=dict.fromkeys(("image", "video"), self.vendor.model),
            )
            await channels.add(context, draft, actor="test")
        for kind in ("image", "video"):
            good = models.Draft(name=kind, type=kind, sell=RATES[kind], groups=["draw"])
            await models.add(context, good, actor="test")

    async def begin(
        self, phase: str = "submitted", kind: str = "image"
    ) -> tuple[Customer, Task, str]:
        """Begin a task, and bring it to where its vendor has it; return its job's id too."""
        ana = await self.studio.house.customer()
        task = await self.studio.begin(ana, kind, kind)
        await self.studio.turn()
        found = await self.studio.find(task)
        assert found.phase == phase, found.fault
        return ana, found, self.vendor.named(self.vendor.posts)

    async def send(self, call: Call, room: TaskRoom | None = None) -> int:
        """Let the vendor's call come in; return what it was answered."""
        status, _ = await self.ask(call.url, call.body, call.headers, room=room)
        return status

    async def ask(
        self,
        url: str,
        body: bytes = b"{}",
        headers: dict[str, str] | None = None,
        *,
        method: str = "POST",
        room: TaskRoom | None = None,
        pieces: int = 1,
        announced: int | None = None,
    ) -> tuple[int, bytes]:
        """Let anybody call; return status and body."""
        self.number += 1
        size = len(body) // pieces + 1
        left = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        heads = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        if announced is not None:
            heads.append((b"content-length", b"%d" % announced))
        scope: Any = {
            "type": "http",
            "method": method,
            "path": url.removeprefix(PUBLIC),
            "headers": heads,
        }
        sent: list[Any] = []

        async def receive() -> Any:
            piece = left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        async def send(message: Any) -> None:
            sent.append(message)

        assert hooks.is_hook(scope["path"])
        reception = (room or self.studio.room).reception
        handle = hooks.handler(reception, lambda kind: f"{kind}_{self.number}")
        await asyncio.ensure_future(handle(scope, receive, send))  # each request is a task
        return sent[0]["status"], sent[1]["body"]

    async def row(self, task: Task) -> dict[str, Any]:
        """Return all that is known of a task."""
        return dataclasses.asdict(await self.studio.find(task))

    async def taken(self) -> int:
        """Return how many calls are remembered."""
        return len(await self.studio.house.rows("upstream_event"))

    def meanwhile(
        self, does: Callable[[UpstreamRequest], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Do something while the vendor is busy answering."""

        async def send(request: UpstreamRequest, timeouts: Timeouts) -> Reply:
            answer = None
            try:
                answer = self.vendor.answer(request)
            finally:
                await does(request)
            assert answer is not None, timeouts
            return answer

        monkeypatch.setattr(self.studio.network, "send", send)
