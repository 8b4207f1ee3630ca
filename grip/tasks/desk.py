"""What owners and operators do with tasks: begin, look, list, cancel.

Owns who may see which. Refuses to speak to upstreams: workers do.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from grip import errors
from grip.clock import Clock
from grip.gateway.answers import Answers
from grip.money.pricing import UNITS
from grip.providers.task_input import TYPES, normalised
from grip.store import results, tasks
from grip.store.books import HotBooks
from grip.store.engine import Database
from grip.store.idempotency import StoredAnswer
from grip.store.records import Caller
from grip.store.results import Result
from grip.store.tasks import Task
from grip.tasks import units
from grip.tasks.cancelling import Cancelling
from grip.tasks.creation import Created, Creator, Order, Show
from grip.tasks.ending import Endings
from grip.tasks.patience import PATIENCE, Patience
from grip.tasks.sight import may_see, unknown

_SECOND_US: Final = 1_000_000


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a client sent: `input` as it came. `kind` is the only type that its route is for."""

    key_hash: str
    ip: str
    endpoint: str
    model: str
    input: Mapping[str, Any]
    metadata: Mapping[str, Any] | None = None
    callback_url: str | None = None
    idem_key: str | None = None
    fingerprint: str | None = None
    kind: str | None = None


class Desk:
    """Tasks as their owners and operators see them."""

    def __init__(
        self,
        database: Database,
        *,
        books: HotBooks,
        creator: Creator,
        endings: Endings,
        answers: Answers,
        clock: Clock,
        check_url: Callable[[str], str],
        patience: Patience = PATIENCE,
    ) -> None:
        self._database = database
        self._books = books
        self._creator = creator
        self._cancelling = Cancelling(database, endings, clock)
        self._answers = answers
        self._clock = clock
        self._check_url = check_url
        self._patience = patience

    async def create(self, wish: Wish, show: Show) -> Created | StoredAnswer:
        """Begin a task, or return the answer that its Idempotency-Key has had already.

        Raises GripError, and then nothing has begun.
        """
        kept = await self._recall(wish)
        if kept is not None:
            return kept
        order = await self._order(wish)
        try:
            return await self._creator.create(order, show)
        except errors.IdempotencyKeyInUse:
            # Two came at once, and the other one has begun the task: this one is told of it.
            kept = await self._recall(wish)
            if kept is None:
                raise
            return kept

    async def find(
        self, task_id: str, caller: Caller | None = None, *, kind: str | None = None
    ) -> tuple[Task, list[Result]]:
        """Return a task and what it made.

        Raises NotFound, for strangers too, and where it is not of the only type that is meant.
        """
        async with self._database.read() as connection:
            task = await tasks.find(connection, task_id)
            if task is None or not may_see(task, caller) or kind not in (None, task.type):
                raise unknown(task_id)
            return task, await results.of_task(connection, task_id)

    async def page(
        self,
        caller: Caller | None = None,
        *,
        status: str | None = None,
        kind: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Task]:
        """Return tasks, newest first: all of the wallet to its owner, to a member their own."""
        async with self._database.read() as connection:
            before = None
            if after is not None:
                last = await tasks.find(connection, after)
                if last is None or not may_see(last, caller):
                    raise unknown(after)
                before = (last.created_us, last.id)
            return await tasks.load(
                connection,
                wallet_id=None if caller is None else caller.wallet_id,
                member_id=None if caller is None or caller.is_owner else caller.member_id,
                status=status,
                kind=kind,
                before=before,
                limit=limit,
            )

    async def drop(
        self, task_id: str, caller: Caller | None = None, *, kind: str | None = None
    ) -> None:
        """Cancel a task that is not over; of one that is, end the time of what it made."""
        task, _ = await self.find(task_id, caller, kind=kind)
        if not task.is_over:
            await self.cancel(task_id, caller)
            return
        async with self._database.write() as connection:
            await results.expire(connection, task_id, self._clock())

    async def cancel(self, task_id: str, caller: Caller | None = None) -> Task:
        """Stop a task: at once where nobody upstream has it, else the upstream is asked to.

        What it made of that, later looks tell. Raises NotFound, or Conflict where it is too late.
        """
        await self._cancelling.cancel(task_id, caller)
        found, _ = await self.find(task_id)
        return found

    async def _recall(self, wish: Wish) -> StoredAnswer | None:
        if wish.idem_key is None:
            return None
        caller = await self._books.caller(wish.key_hash, fresh=True)
        if caller is None:
            raise errors.InvalidApiKey("this API key is not valid; check it, or ask for a new one")
        return await self._answers.recall_key(caller.key_id, wish.idem_key, wish.fingerprint)

    async def _order(self, wish: Wish) -> Order:
        catalog = await self._books.catalog(fresh=False)
        model = catalog.find(wish.model)
        if model is None:
            model = (await self._books.catalog(fresh=True)).find(wish.model)
        served = TYPES if wish.kind is None else (wish.kind,)
        if model is not None and model.type not in served:
            raise errors.InvalidRequest(
                f"{wish.model!r} is a model of type {model.type}; this route serves "
                f"{', '.join(served)}",
                param="model",
            )
        url = None if wish.callback_url is None else self._check_url(wish.callback_url)
        kind = served[0] if model is None else model.type
        asked = normalised(kind, wish.input)
        return Order(
            key_hash=wish.key_hash,
            ip=wish.ip,
            endpoint=wish.endpoint,
            model=wish.model,
            type=kind,
            input=asked.values,
            most=units.most(asked),
            units=asked.units & UNITS[kind],
            deadline_us=self._patience.lifetimes_s[kind] * _SECOND_US,
            metadata=wish.metadata,
            callback_url=url,
            idem_key=wish.idem_key,
            fingerprint=wish.fingerprint,
        )
