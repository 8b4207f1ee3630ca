"""The port to the books for the request path: entries go in, outcomes come out, in batches.

While one transaction commits, the entries that arrive wait and share the next one. `HotBooks`
is implemented by `books_sqlite.py` and `books_postgres.py`; the rules are in `money/batch.py`.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from grip import errors
from grip.money.batch import Plan
from grip.money.entries import Admit, Admitted, Entry, Outcome, Release, Settle
from grip.store import catalog as catalog_store
from grip.store.engine import Database
from grip.store.records import Caller, Catalog

MAX_BATCH = 256
"""Entries that share one transaction at the most."""

MAX_WAITING = 10_000
"""Entries that wait at the most; admissions are turned away above, settlements never."""

_MAX_CALLERS = 10_000


class HotBooks(Protocol):
    """What the request path needs of the database."""

    async def start(self) -> None:
        """Open connections and begin to take entries."""

    async def stop(self) -> None:
        """Finish what waits, then close."""

    async def submit(self, entry: Entry) -> Outcome:
        """Carry out `entry` and return its outcome once it is committed; refusals are raised.

        Raises DatabaseUnavailable where the database is away, and what `Plan` refuses with.
        """

    async def caller(self, key_hash: str, *, fresh: bool = False) -> Caller | None:
        """Return who holds the key with this hash, None where nobody does.

        Unless `fresh`, the answer may be older than the last change: an admission that rests on
        it is checked against the books, a refusal must be taken from a fresh one.
        """

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return models, prices and channels; `fresh` as for `caller`."""


def is_durable(entries: list[Entry]) -> bool:
    """Whether the batch must be on disk before it is answered: holds alone need not."""
    return any(isinstance(entry, Settle) for entry in entries)


def needs_write(plan: Plan) -> bool:
    """Whether the plan changes anything."""
    return bool(plan.new_holds or plan.gone_holds)


def refuse_overflow(entry: Entry, waiting: int, *, stopping: bool) -> None:
    """Raise where nobody is left to answer, or an admission would join too long a queue."""
    if stopping:
        raise errors.ServiceUnavailable("this node is stopping; retry the call", retry_after_s=1)
    if waiting >= MAX_WAITING and isinstance(entry, Admit):
        raise errors.ServiceUnavailable(
            "more calls wait for admission than the database takes; retry in a moment",
            retry_after_s=1,
        )


async def answer(
    entry: Entry, future: "asyncio.Future[Outcome]", put: Callable[[Entry], object]
) -> Outcome:
    """Wait for the outcome of `entry` and return it; refusals are raised.

    A caller who is cancelled between the answer and their next step has never seen it: what was
    held for them is let go again, by `put`.
    """
    try:
        outcome = await future
    except asyncio.CancelledError:
        if not future.cancelled() and isinstance(future.result(), Admitted):
            put(Release(request_id=entry.request_id))
        raise
    if isinstance(outcome, errors.GripError):
        raise outcome
    return outcome


def wanted(entries: list[Entry]) -> tuple[list[Admit], list[str]]:
    """Return the admissions of a batch, and the requests whose holds the others resolve."""
    admits = [entry for entry in entries if isinstance(entry, Admit)]
    resolved = [entry.request_id for entry in entries if not isinstance(entry, Admit)]
    return admits, resolved


def broken(error: Exception) -> errors.BooksBroken:
    """Return what the caller of an entry is told that the books cannot take; the rest is logged."""
    return errors.BooksBroken(
        "the ledger refused the call; nothing was charged", detail=repr(error)
    )


def expect(count: int, expected: int, what: str) -> None:
    """Raise BooksBroken unless a statement touched as many rows as the plan names."""
    if count != expected:
        raise errors.BooksBroken(f"{what}: {count} rows changed where {expected} were planned")


class CatalogCache:
    """The last snapshot of the catalog, read again only when its version has moved on."""

    def __init__(self, database: Database, read_version: Callable[[], Awaitable[int]]) -> None:
        self._database = database
        self._read_version = read_version
        self._lock = asyncio.Lock()
        self._catalog: Catalog | None = None

    async def get(self, *, fresh: bool) -> Catalog:
        """Return the snapshot; `fresh` compares versions first."""
        known = self._catalog
        if known is not None and not fresh:
            return known
        async with self._lock:
            known = self._catalog
            if known is not None and known.version == await self._read_version():
                return known
            async with self._database.read() as connection:
                self._catalog = await catalog_store.load(connection)
            return self._catalog


class CallerCache:
    """The callers seen last, by the hash of their key."""

    def __init__(self) -> None:
        self._callers: OrderedDict[str, Caller] = OrderedDict()

    def get(self, key_hash: str) -> Caller | None:
        """Return what was stored, if it still is."""
        return self._callers.get(key_hash)

    def put(self, key_hash: str, caller: Caller | None) -> None:
        """Store a fresh answer; nobody is not remembered, so that chance keys fill no memory."""
        if caller is None:
            self._callers.pop(key_hash, None)
            return
        self._callers[key_hash] = caller
        if len(self._callers) > _MAX_CALLERS:
            self._callers.popitem(last=False)


def caller_record(row: Mapping[str, Any]) -> Caller:
    """Return the caller in a row of the `CALLER` statement."""
    return Caller(
        key_id=row["key_id"],
        key_name=row["key_name"],
        key_version=row["key_version"],
        wallet_id=row["wallet_id"],
        member_id=row["member_id"],
        account_id=row["account_id"],
        is_owner=row["owner_id"] == row["account_id"],
        tier=row["tier"],
        models=_names(row["models"]),
        groups=_names(row["groups"]),
        content_logging=None if row["content_logging"] is None else bool(row["content_logging"]),
        expires_us=row["expires_us"],
        usable=row["ended_us"] is None,
    )


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(msgspec.json.decode(text, type=list[str]))
