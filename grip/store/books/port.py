"""The port to the books for the request path: entries go in, outcomes come out, in batches.

While one transaction commits, the entries that arrive wait and share the next one. `HotBooks`
is implemented by `sqlite.py` and `postgres.py`; the rules are in `money/batch.py`.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from grip import errors
from grip.metrics import Counts
from grip.money.entries import Admit, Admitted, Entry, Outcome, Release, Settle
from grip.store.records import Caller, Catalog

MAX_BATCH = 256
"""Entries that share one transaction at the most."""

MAX_WAITING = 10_000
"""Entries that wait at the most; admissions are turned away above, settlements never."""

AGAIN_AFTER_S = 1.0
"""When the books try again to let go of a hold that nobody waits for any more."""


class BatchMeter:
    """Where the books count their transactions, on the loop."""

    def __init__(self, counts: Counts) -> None:
        self._size = counts.histogram("grip_batch_size")
        self._seconds = counts.histogram("grip_batch_seconds")

    def done(self, entries: int, seconds: float) -> None:
        """Count a transaction of so many entries that took so long."""
        self._size.observe((), entries)
        self._seconds.observe((), seconds)


class HotBooks(Protocol):
    """What the request path needs of the database.

    `lost` is set when only a new process can go on: what is on disk, this one does not know.
    """

    lost: asyncio.Event

    @property
    def waiting(self) -> int:
        """How many entries wait for a transaction."""

    @property
    def hung_s(self) -> float:
        """For how many seconds a thread of this process has not come back from what it does.

        0 where none is at work: a database that is away hangs nobody, since the loop waits for it.
        """

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
    """Whether the batch must be on disk before it is answered: holds alone need not.

    A release must: a server that crashes would bring back a hold whose worker lives, and nobody
    would ever let go of it.
    """
    return any(isinstance(entry, Settle | Release) for entry in entries)


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


def shown(entry: Entry) -> str:
    """Return an entry as the log may have it: without the answer that is kept with it."""
    if isinstance(entry, Settle) and entry.answer is not None:
        return repr(entry._replace(answer=None))
    return repr(entry)


def expect(count: int, expected: int, what: str) -> None:
    """Raise BooksBroken unless a statement touched as many rows as the plan names."""
    if count != expected:
        raise errors.BooksBroken(f"{what}: {count} rows changed where {expected} were planned")
