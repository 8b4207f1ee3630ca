"""`grip ledger verify`: every invariant of the books, asked of one state of the database."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from grip.money import ledger, pricing
from grip.money.entries import CAPPED, CRASH_VOID
from grip.services.context import Context
from grip.store import guards, invariants, usage
from grip.store import ledger as journal
from grip.store.engine import Connection
from grip.store.snapshot import freeze

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One invariant: `count` violations, of which the first few are told."""

    name: str
    ok: bool
    violations: list[str]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All checks; `ok` where every one of them is."""

    ok: bool
    checks: list[Check]


CHECKS = len(invariants.ALL) + 3
"""How many checks there are."""


def describe(report: Report) -> dict[str, Any]:
    """Return a report as it is shown."""
    return {"ok": report.ok, "checks": [asdict(check) for check in report.checks]}


async def verify(context: Context, *, done: Callable[[Check], None] | None = None) -> Report:
    """Check the books as they stand at this moment; changes nothing, however they stand.

    `done` is told of each check as it ends: there are `CHECKS` of them.
    """
    checks: list[Check] = []
    async with context.database.read() as connection:
        await freeze(connection)
        async for check in _checks(connection):
            checks.append(check)
            if done is not None:
                done(check)
    return Report(ok=all(check.ok for check in checks), checks=checks)


async def _checks(connection: Connection) -> AsyncIterator[Check]:
    for item in invariants.ALL:
        yield await _invariant(connection, item)
    yield await _paged("transfer_fingerprint", journal.pages(connection), _forged)
    yield await _paged("usage_price", usage.pricings(connection), mispriced)
    yield await _guarded(connection)


async def _invariant(connection: Connection, invariant: invariants.Invariant) -> Check:
    shown, count = await invariants.violations(connection, invariant)
    return _check(invariant.name, shown, count)


async def _paged(
    name: str, pages: AsyncIterator[list[T]], judge: Callable[[T], str | None]
) -> Check:
    shown: list[str] = []
    count = 0
    async for page in pages:
        for sentence in filter(None, map(judge, page)):
            count += 1
            if count <= invariants.SHOWN_MAX:
                shown.append(sentence)
    return _check(name, shown, count)


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
