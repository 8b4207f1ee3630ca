"""Callbacks of a wallet, receivers that are played, and workers that deliver to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from standardwebhooks import Webhook

from grip.services import accounts
from grip.services.context import Context
from grip.settings import Callbacks, Place
from grip.store import callbacks
from grip.store.callbacks import Attempt, Callback
from grip.store.engine import Database
from grip.tasks.callbacks import CallbackRules, Deliveries, message
from grip.transport.guarded import GuardedClient, Headers
from grip.transport.port import Reply, TransportFault

URL = "https://hooks.example.com/grip"
EVENT = "task.completed"
OK = Reply(status=200, headers={}, body=b"thanks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request that a receiver got."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Receiver:
    """A receiver that answers what it is told to, in turn, the last for ever."""

    answers: list[Reply | TransportFault] = field(default_factory=lambda: [OK])
    sent: list[Sent] = field(default_factory=list)

    async def post(self, url: str, *, headers: Headers, body: bytes, deadline_s: float) -> Reply:
        """Note the request and answer."""
        assert deadline_s > 0
        self.sent.append(Sent(url=url, headers=dict(headers), body=body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, TransportFault):
            raise answer
        return answer

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of each request."""
        return [one.headers["webhook-id"] for one in self.sent]


@dataclass(kw_only=True)
class Post:
    """A database with a wallet, and what is told to its owner."""

    context: Context
    wallet_id: str

    @property
    def database(self) -> Database:
        """Where it is kept."""
        return self.context.database

    async def enqueue(self, task_id: str = "task_1", *, url: str = URL, event: str = EVENT) -> str:
        """Write a callback as the end of a task does; return its id."""
        now_us = self.context.clock()
        body = message(event, at_us=now_us, data={"id": task_id})
        async with self.database.write() as connection:
            await callbacks.enqueue(
                connection,
                task_id=task_id,
                wallet_id=self.wallet_id,
                url=url,
                event=event,
                body=body,
                now_us=now_us,
            )
        return callbacks.callback_id(task_id, event)

    async def get(self, callback_id: str) -> Callback:
        """Return a callback."""
        async with self.database.read() as connection:
            found = await callbacks.find(connection, callback_id)
        assert found is not None
        return found

    async def history(self, callback_id: str) -> list[Attempt]:
        """Return the attempts at it."""
        async with self.database.read() as connection:
            return await callbacks.attempts(connection, callback_id)

    def worker(
        self,
        receiver: object = None,
        *,
        allow: Sequence[Place] = (),
        max_attempts: int = 8,
        timeout_s: float = 15.0,
        owner: str = "one",
    ) -> Deliveries:
        """Return what delivers, to a receiver that is played or over the network."""
        client = GuardedClient(allow=allow) if receiver is None else receiver
        return Deliveries(
            self.database,
            client,  # type: ignore[arg-type]
            terms=Callbacks(max_attempts=max_attempts, timeout_s=timeout_s),
            rules=CallbackRules(allow=allow),
            owner=owner,
            clock=self.context.clock,
            new_id=self.context.new_id,
            chance=lambda: 0.5,
        )


async def deliver(worker: Deliveries) -> None:
    """Let a worker deliver all that is due."""
    await worker.run()
    await worker.settle()


@pytest.fixture
async def post(context: Context) -> Post:
    """A wallet of ana's, on each engine in turn."""
    made = await accounts.create(context, actor="test", email="ana@example.com")
    return Post(context=context, wallet_id=made.wallet_id)


def answered(status: int, *, body: bytes = b"", **headers: str) -> Reply:
    """Return an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=body)


def verified(secret: str, request: bytes) -> tuple[str, str]:
    """Return the id and the task of a request, if the library takes it."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    headers = {name.lower(): value for name, _, value in lines}
    told = Webhook(secret).verify(body, headers)
    return headers["webhook-id"], told["data"]["id"]
