"""The life of one request: what is known of it, from its books, its hold and its detail.

Any of them may be missing: a call that failed has no row of usage, one under way only its hold,
and details do not last. Says what is missing; refuses to guess at it, and shows no content.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from grip import errors
from grip.clock import to_iso
from grip.money.amounts import ceil_credits
from grip.providers.port import Report
from grip.services import explain_charge, explain_route
from grip.services.context import Context
from grip.store import details, holds, keys, models, usage
from grip.store.details import Detail, Side
from grip.store.records import Hold, Key, Price, UsageRow
from grip.store.snapshot import freeze
from grip.store.traces import LimitTold, RouteTold, Trace, UseTold

RUNNING = "running"
"""The status of a call that has not ended."""

_GONE = "the detail of this call is no longer there, or was never written: {}"
_OF_DETAIL = "key, limits, route, attempts, the upstream's report and content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """All that is known of a request; at least one of usage, hold and detail is there.

    `price` is the version that was charged, or of which the hold is made; `key` is as it is now.
    """

    request_id: str
    row: UsageRow | None
    hold: Hold | None
    detail: Detail | None
    route: RouteTold | None
    price: Price | None
    key: Key | None

    @property
    def status(self) -> str:
        """How the call ended; of a verdict on a dead process, that."""
        if self.row is not None:
            return self.row.status
        if self.detail is not None:
            return self.detail.trace.outcome
        return RUNNING


async def find(context: Context, request_id: str) -> Life:
    """Return the life of a request; raises NotFound where nothing is known of it."""
    wanted = request_id.strip()
    async with context.database.read() as connection:
        await freeze(connection)
        row = await usage.find(connection, wanted)
        hold = await holds.find(connection, wanted)
        detail = await details.find(connection, wanted)
        route_id = None if detail is None else detail.route_id
        route = None if route_id is None else await details.route(connection, route_id)
        price_id = row.price_id if row is not None else None if hold is None else hold.price_id
        price = None if price_id is None else await models.price_version(connection, price_id)
        known = row or hold or detail
        held = [] if known is None else await keys.match(connection, known.key_id)
    if known is None:
        raise errors.NotFound(
            f"nothing is known of a request {wanted!r}: of a call that failed there is its detail "
            "alone, which is written within seconds and does not last"
        )
    return Life(
        request_id=wanted,
        row=row,
        hold=hold,
        detail=detail,
        route=route,
        price=price,
        key=next(iter(held), None),
    )


def describe(life: Life) -> dict[str, Any]:
    """Return the life of a request as JSON knows it; a part that is not known is null."""
    trace = None if life.detail is None else life.detail.trace
    return {
        "request_id": life.request_id,
        "status": life.status,
        **_what(life, trace),
        "missing": _missing(life),
        "failure": None if trace is None or trace.failure is None else _told(trace.failure),
        "key": None if trace is None else {**_told(trace.key), **_member(life.key)},
        "limits": None if trace is None else _limits(trace),
        "purse": None if trace is None or trace.purse is None else trace.purse._asdict(),
        "hold": _hold(life, trace),
        "route": explain_route.describe(life.route, trace),
        "attempts": None if trace is None else explain_route.attempts(trace),
        "usage": None if trace is None or trace.use is None else _use(trace.use),
        "charge": explain_charge.describe(life.row, life.price),
        "ledger": None if life.row is None else _ledger(life.row),
        "content": _content(life.detail),
    }


def _what(life: Life, trace: Trace | None) -> dict[str, Any]:
    """Return what was asked, when, by whom and how long it took."""
    row, hold, detail = life.row, life.hold, life.detail
    known = row or detail or hold
    if known is None:
        raise AssertionError("one of them is there")
    at_us = known.admitted_us if isinstance(known, Hold) else known.created_us
    asked = row or hold
    return {
        "at": to_iso(at_us if detail is None else detail.created_us),
        "wallet_id": known.wallet_id,
        "key_id": known.key_id,
        "endpoint": trace.path if trace is not None else asked and asked.endpoint,
        "model": trace.model if trace is not None else asked and asked.model,
        "stream": None if trace is None else trace.is_stream,
        "ip": trace.ip if trace is not None else asked and asked.ip,
        "latency_ms": row.latency_ms if row is not None else trace and trace.latency_ms,
        "first_byte_ms": row.first_byte_ms if row is not None else trace and trace.first_byte_ms,
        "upstream_id": row.upstream_id if row is not None else trace and trace.upstream_id,
    }


def _missing(life: Life) -> list[str]:
    """Return what cannot be told, in sentences."""
    if life.hold is not None:
        return ["the call has not ended: its charge and its detail are still to come"]
    missing = []
    if life.detail is None:
        missing.append(_GONE.format(_OF_DETAIL))
    elif life.detail.route_id is not None and life.route is None:
        missing.append("the channels that were not tried are no longer known")
    if life.row is None:
        missing.append("nothing was charged: there is no row of usage")
    elif life.price is None:
        missing.append(f"the price version {life.row.price_id} is not in the books")
    return missing


def _member(key: Key | None) -> dict[str, Any]:
    """Return who holds the key, which does not change."""
    if key is None:
        return {"member_id": None, "member": None}
    return {"member_id": key.member_id, "member": key.member}


def _limits(trace: Trace) -> dict[str, Any]:
    return {"requests": _limit(trace.requests), "tokens": _limit(trace.tokens)}


def _limit(stood: LimitTold | None) -> dict[str, Any] | None:
    if stood is None:
        return None
    return {
        "limit": stood.limit,
        "remaining": stood.remaining,
        "reset_ms": -(-stood.reset_us // 1000),
    }


def _hold(life: Life, trace: Trace | None) -> dict[str, Any] | None:
    """Return what was held: of a call under way what is, of an old one what its row says."""
    if life.hold is not None:
        return {
            "credits": life.hold.amount,
            "nano": life.hold.estimate_nano,
            "input_tokens": life.hold.input_tokens,
            "price_id": life.hold.price_id,
        }
    if trace is not None and trace.hold is not None:
        return {"credits": ceil_credits(trace.hold.nano), **_told(trace.hold)}
    return None if life.row is None else {"credits": life.row.hold_credits}


def _use(use: UseTold) -> dict[str, Any]:
    """Return what the upstream reported, by name, and what that came to."""
    names = Report.__struct_fields__
    report = None if use.report is None else dict(zip(names, use.report, strict=False))
    used = {name: count for name, count in use.used._asdict().items() if count}
    return {**_told(use), "report": report, "used": used}


def _ledger(row: UsageRow) -> dict[str, Any]:
    """Return the row of usage as the debit that it is."""
    return {
        "usage_seq": row.seq,
        "credits": row.credits,
        "from_wallet": row.credits - row.debt_credits,
        "from_debt": row.debt_credits,
        "balance_after": row.balance_after,
    }


def _content(detail: Detail | None) -> dict[str, Any]:
    """Return whether content is kept, and how much there was; never the content."""
    state = content_state(detail)
    if detail is None:
        return {"state": state, "request": None, "response": None}
    return {"state": state, "request": _side(detail.request), "response": _side(detail.response)}


def content_state(detail: Detail | None) -> str:
    """Return `kept`, or why no content is: `gone`, `redacted`, or `not_logged`."""
    if detail is None:
        return "gone"
    if detail.redacted_us is not None:
        return "redacted"
    return "kept" if detail.has_content else "not_logged"


def _side(side: Side) -> dict[str, Any] | None:
    return None if side.size is None else {"bytes": side.size, "cut": side.is_cut}


def _told(part: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(part)
