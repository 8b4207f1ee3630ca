"""The content of calls: read, which leaves an audit row, and wiped, which leaves one as well.

Refuses to wipe anything else: how a call went and what it was charged stay. What an
Idempotency-Key may ask for again is kept apart, for a day.
"""

from dataclasses import dataclass
from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.services import amounts, references
from grip.services.context import Context
from grip.services.explain import content_state
from grip.store import audit, details, usage
from grip.store.details import Detail, Side
from grip.store.engine import Connection
from grip.store.records import UsageRow

_BATCH = 200
"""So many calls are wiped in one transaction, that others may write meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A call and its detail, as far as they are there."""

    row: UsageRow | None
    detail: Detail | None


async def read(context: Context, request_id: str, *, actor: str) -> Reading:
    """Return a call with its content; raises NotFound where nothing is known of it.

    Where there is content, an audit row says who has read it.
    """
    wanted = request_id.strip()
    async with context.database.write() as connection:
        row = await usage.find(connection, wanted)
        detail = await details.find(connection, wanted)
        if row is None and detail is None:
            raise _unknown(wanted)
        if detail is not None and detail.has_content:
            await audit.append(
                connection,
                at_us=context.clock(),
                actor=actor,
                action="content.read",
                subject=wanted,
                after={"wallet_id": detail.wallet_id},
            )
    return Reading(row=row, detail=detail)


def describe(detail: Detail | None) -> dict[str, Any]:
    """Return content as it is shown: text, its size as it was, and whether it was cut."""
    return {
        "state": content_state(detail),
        **_side("request", Side() if detail is None else detail.request),
        **_side("response", Side() if detail is None else detail.response),
    }


async def redact(context: Context, request_id: str, *, actor: str, reason: str) -> Detail:
    """Wipe the content of one call for good; return its detail as it is then.

    Raises NotFound where there is no detail of it, Conflict where that was done before.
    """
    wanted, why = request_id.strip(), amounts.reason(reason)
    async with context.database.write() as connection:
        before = await details.find(connection, wanted)
        if before is None:
            raise _unknown(wanted)
        now_us = context.clock()
        if not await details.redact(connection, now_us=now_us, request_id=wanted):
            raise errors.Conflict(f"the content of {wanted} is redacted already")
        of = {"wallet_id": before.wallet_id}
        await _record(connection, now_us, subject=wanted, actor=actor, reason=why, after=of)
        after = await details.find(connection, wanted)
    if after is None:
        raise errors.BooksBroken(f"the detail of {wanted} has gone while it was wiped")
    return after


async def redact_wallet(
    context: Context,
    wallet_ref: str,
    *,
    actor: str,
    reason: str,
    from_us: int | None = None,
    to_us: int | None = None,
) -> int:
    """Wipe the content of a wallet's calls at [from, to) for good; return of how many.

    Its audit row comes first, and once: what follows goes in steps, and may be asked for again.
    """
    why = amounts.reason(reason)
    async with context.database.write() as connection:
        wallet = await references.wallet(connection, wallet_ref)
        span = {
            "from": None if from_us is None else to_iso(from_us),
            "to": None if to_us is None else to_iso(to_us),
        }
        now_us = context.clock()
        await _record(connection, now_us, subject=wallet.id, actor=actor, reason=why, after=span)
    wiped = 0
    after = ""
    while True:
        async with context.database.write() as connection:
            done = await details.redact(
                connection,
                now_us=context.clock(),
                wallet_id=wallet.id,
                from_us=from_us,
                to_us=to_us,
                after=after,
                limit=_BATCH,
            )
        wiped += len(done)
        if len(done) < _BATCH:
            return wiped
        after = done[-1]


async def _record(
    connection: Connection, now_us: int, *, subject: str, actor: str, reason: str, after: Any
) -> None:
    await audit.append(
        connection,
        at_us=now_us,
        actor=actor,
        action="content.redact",
        subject=subject,
        after=after,
        reason=reason,
    )


def _side(name: str, side: Side) -> dict[str, Any]:
    return {name: side.text, f"{name}_bytes": side.size, f"{name}_cut": side.is_cut}


def _unknown(request_id: str) -> errors.NotFound:
    return errors.NotFound(
        f"there is no detail of a request {request_id!r}: it is written within seconds after the "
        "call, and does not last"
    )
