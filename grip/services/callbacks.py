"""Callbacks as operators see them: what was tried, what is dead, and trying again.

Refuses to deliver, and to show a body: that is the tenant's.
"""

from collections.abc import Sequence
from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.services import references
from grip.services.context import Context
from grip.store import audit, callbacks
from grip.store.callbacks import Attempt, Callback
from grip.store.engine import Connection


def describe(callback: Callback) -> dict[str, Any]:
    """Return a callback as it is shown; `attempts` counts all of them."""
    is_pending = callback.state == callbacks.PENDING
    return {
        "id": callback.id,
        "task_id": callback.task_id,
        "wallet_id": callback.wallet_id,
        "event": callback.event,
        "url": callback.url,
        "state": callback.state,
        "reason": callback.reason or None,
        "attempts": callback.attempts,
        "next_attempt_at": to_iso(callback.due_us) if is_pending else None,
        "created_at": to_iso(callback.created_us),
        "ended_at": None if callback.ended_us is None else to_iso(callback.ended_us),
    }


def describe_attempt(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt as it is shown to operators; `reply` is what the receiver began to say."""
    reply = attempt.reply
    return {
        "number": attempt.number,
        "started_at": to_iso(attempt.started_us),
        "outcome": attempt.outcome,
        "status": attempt.status,
        "latency_ms": attempt.latency_ms,
        "detail": attempt.detail or None,
        "reply": None if reply is None else reply.decode("utf-8", "replace"),
    }


async def list_callbacks(
    context: Context,
    *,
    state: str | None = None,
    wallet: str | None = None,
    limit: int | None = None,
) -> list[Callback]:
    """Return the callbacks, newest first; raises InvalidRequest for a state there is none of."""
    if state is not None and state not in callbacks.STATES:
        raise errors.InvalidRequest(
            f"a callback is {', '.join(callbacks.STATES)}, never {state!r}", param="state"
        )
    async with context.database.read() as connection:
        wallet_id = None
        if wallet is not None:
            wallet_id = (await references.wallet(connection, wallet)).id
        return await callbacks.load(connection, state=state, wallet_id=wallet_id, limit=limit)


async def get(context: Context, callback_id: str) -> tuple[Callback, list[Attempt]]:
    """Return a callback with all attempts at it; raises NotFound."""
    async with context.database.read() as connection:
        found = await _one(connection, callback_id)
        return found, await callbacks.attempts(connection, found.id)


async def replay(context: Context, callback_ids: Sequence[str], *, actor: str) -> list[str]:
    """Make callbacks due now, delivered ones too, each under the id that it has; all or none.

    Raises NotFound, and Conflict where one is being delivered at the moment.
    """
    async with context.database.write() as connection:
        wanted = list(dict.fromkeys(callback_ids))
        for callback_id in wanted:
            found = await _one(connection, callback_id, is_locked=True)
            await _replay(context, connection, found, actor)
    return wanted


async def replay_dead(context: Context, *, since_us: int | None = None, actor: str) -> list[str]:
    """Make the dead callbacks due now that died at `since_us` or later; return their ids."""
    async with context.database.write() as connection:
        found = await callbacks.load(connection, state=callbacks.DEAD, ended_from_us=since_us)
        for callback in found:
            await _replay(context, connection, callback, actor)
    return [callback.id for callback in found]


async def _replay(context: Context, connection: Connection, found: Callback, actor: str) -> None:
    now_us = context.clock()
    if not await callbacks.replay(connection, found.id, now_us):
        raise errors.Conflict(
            f"the callback {found.id} is being delivered at the moment; see how that ends first"
        )
    await audit.append(
        connection,
        at_us=now_us,
        actor=actor,
        action="callback.replay",
        subject=found.id,
        before={"state": found.state, "attempts": found.attempts},
        after={"state": callbacks.PENDING},
    )


async def _one(connection: Connection, callback_id: str, *, is_locked: bool = False) -> Callback:
    found = await callbacks.find(connection, callback_id.strip(), is_locked=is_locked)
    if found is None:
        raise errors.NotFound(
            f"there is no callback {callback_id!r}; `grip callbacks list` shows what there is"
        )
    return found
