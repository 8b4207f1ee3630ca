"""`grip ledger verify`: every invariant of the books, asked of one state of the database.

Of all rows, or from the last checkpoint on: then of what is newer, upon the balances of that time.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

import structlog

from grip import errors
from grip.money import ledger, pricing
from grip.money.entries import CAPPED, CRASH_VOID
from grip.services import chain, checkpoints
from grip.services.checkpoints import Line
from grip.services.context import Context
from grip.store import guards, standing, usage
from grip.store import ledger as journal
from grip.store.engine import Connection
from grip.store.proofs import chain as blocks
from grip.store.proofs import checkpoints as checkpoint_store
from grip.store.proofs import invariants
from grip.store.proofs.checkpoints import Checkpoint
from grip.store.snapshot import freeze
from grip.store.standing import Verified

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One invariant: `count` violations, of which the first few are told."""

    name: str
    ok: bool
    violations: list[str]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All checks; `ok` where every one of them is. `since` is the checkpoint they went on from."""

    ok: bool
    checks: list[Check]
    since: Checkpoint | None = None


_CHECKPOINT: Final = "checkpoint"

CHECKS = len(invariants.ALL) + 5
"""How many checks there are."""


def describe(report: Report) -> dict[str, Any]:
    """Return a report as it is shown."""
    since = None if report.since is None else checkpoints.describe(report.since)
    checks = [asdict(check) for check in report.checks]
    return {"ok": report.ok, "checks": checks, "since_checkpoint": since}


async def verify(
    context: Context,
    *,
    since_checkpoint: bool = False,
    line: Line | None = None,
    done: Callable[[Check], None] | None = None,
) -> Report:
    """Check the books as they stand at this moment; changes nothing, however they stand.

    With `since_checkpoint` the last one is gone on from; raises Conflict where there is none. With
    a `line`, its checkpoint must be in the books. `done` is told of each check as it ends: there
    are `CHECKS` of them.
    """
    async with context.database.read() as connection:
        await freeze(connection)
        since = await checkpoint_store.last(connection) if since_checkpoint else None
        if since_checkpoint and since is None:
            raise errors.Conflict(
                "there is no checkpoint to go on from; run: grip ledger verify, "
                "then: grip ledger checkpoint"
            )
        return await examine(connection, since=since, line=line, done=done)


async def verify_and_note(
    context: Context,
    *,
    since_checkpoint: bool = False,
    line: Line | None = None,
    done: Callable[[Check], None] | None = None,
) -> Report:
    """Verify, and note it, but where a `line` does not hold: it may be the line that is wrong."""
    report = await verify(context, since_checkpoint=since_checkpoint, line=line, done=done)
    is_proven = all(check.ok for check in report.checks if check.name == _CHECKPOINT)
    if line is None or is_proven:
        await note(context, report)
    return report


async def note(context: Context, report: Report) -> None:
    """Write down when the books were checked and what was found, for those who watch.

    A database that takes no note has been checked all the same.
    """
    try:
        async with context.database.write() as connection:
            before = await standing.verified(connection)
            await standing.note_verified(connection, _noted(report, before, context.clock()))
    except errors.DatabaseUnavailable as error:
        log.warning("ledger.not_noted", error=error.detail or error.message)


def _noted(report: Report, before: Verified | None, now_us: int) -> Verified:
    """Return what stands after a report: what was wrong stays so until all rows are right."""
    found = sum(check.count for check in report.checks)
    if report.since is None:
        return Verified(at_us=now_us, violations=found, whole_us=now_us)
    stood = Verified(at_us=now_us, violations=0) if before is None else before
    return Verified(at_us=now_us, violations=max(found, stood.violations), whole_us=stood.whole_us)


async def examine(
    connection: Connection,
    *,
    since: Checkpoint | None = None,
    line: Line | None = None,
    done: Callable[[Check], None] | None = None,
) -> Report:
    """Return all checks on a frozen connection, of all rows or from a checkpoint on."""
    checks: list[Check] = []
    async for check in _checks(connection, since, line):
        checks.append(check)
        if done is not None:
            done(check)
    return Report(ok=all(check.ok for check in checks), checks=checks, since=since)


async def _checks(
    connection: Connection, since: Checkpoint | None, line: Line | None
) -> AsyncIterator[Check]:
    for item in _rules(since):
        yield await _invariant(connection, item)
    transfers = journal.pages(connection, _after(since, blocks.TRANSFERS))
    yield await _paged("transfer_fingerprint", transfers, _forged)
    charged = usage.pricings(connection, _after(since, blocks.USAGE))
    yield await _paged("usage_price", charged, mispriced)
    yield await _guarded(connection)
    yield await _told(
        "chain", chain.broken(connection, chain.BEGINNINGS if since is None else since.heads)
    )
    yield await _checkpointed(connection, since, line)


def _rules(since: Checkpoint | None) -> Sequence[invariants.Invariant]:
    if since is None:
        return invariants.ALL
    return invariants.all_of(invariants.Since(checkpoint_id=since.id, marks=since.marks))


def _after(since: Checkpoint | None, name: str) -> int | None:
    return None if since is None else since.marks[name]


async def _checkpointed(
    connection: Connection, since: Checkpoint | None, line: Line | None
) -> Check:
    async def sentences() -> AsyncIterator[str]:
        async for sentence in checkpoints.broken(connection, since):
            yield sentence
        if line is not None:
            async for sentence in checkpoints.unproven(connection, line):
                yield sentence

    return await _told(_CHECKPOINT, sentences())


async def _told(name: str, sentences: AsyncIterator[str]) -> Check:
    shown: list[str] = []
    count = 0
    async for sentence in sentences:
        count += 1
        if count <= invariants.SHOWN_MAX:
            shown.append(sentence)
    return _check(name, shown, count)


async def _invariant(connection: Connection, invariant: invariants.Invariant) -> Check:
    shown, count = await invariants.violations(connection, invariant)
    return _check(invariant.name, shown, count)


async def _paged(
    name: str, pages: AsyncIterator[list[T]], judge: Callable[[T], str | None]
) -> Check:
    async def sentences() -> AsyncIterator[str]:
        async for page in pages:
            for sentence in filter(None, map(judge, page)):
                yield sentence

    return await _told(name, sentences())


async def _guarded(connection: Connection) -> Check:
    missing = await guards.missing(connection)
    shown = [f"the guard {name} is missing or switched off" for name in missing]
    return _check("append_only_guards", shown, len(shown))


def _check(name: str, shown: Iterable[str], count: int) -> Check:
    return Check(name=name, ok=count == 0, violations=list(shown), count=count)


def _forged(row: tuple[ledger.Transfer, str]) -> str | None:
    transfer, fingerprint = row
    if transfer.fingerprint == fingerprint:
        return None
    return f"{transfer.id}: its content is not the one that its fingerprint was taken of"


def mispriced(row: usage.Pricing) -> str | None:
    """Return what is wrong with a charge; an estimated or a capped one may stay below its price.

    What a dead process left uncharged has no price to be compared with.
    """
    if row.status == CRASH_VOID and row.cost_nano == 0:
        return None
    if row.rates is None:
        return f"{row.request_id}: there is no price version {row.price_id}"
    if row.price_model != row.model:
        return f"{row.request_id}: {row.price_id} prices {row.price_model}, not {row.model}"
    price_nano = pricing.cost_nano(row.rates, row.used)
    may_be_less = row.estimated or row.status == CAPPED
    if row.cost_nano == price_nano or (may_be_less and row.cost_nano < price_nano):
        return None
    return (
        f"{row.request_id}: it was charged {row.cost_nano} nano-credits, "
        f"its price makes {price_nano}"
    )
