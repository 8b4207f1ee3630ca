"""Media tasks as operators see them: all wallets', with what is known of their trouble.

Refuses to move a task: workers do, and `grip.tasks.cancelling` stops one.
"""

from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.money.amounts import usd
from grip.services import references
from grip.services.context import Context
from grip.store import losses, results, tasks
from grip.store.losses import Loss, Lost
from grip.store.results import Result
from grip.store.tasks import Task

STATUSES = ("pending", "processing", "completed", "failed")
"""What a task's owner sees of it."""


async def list_tasks(
    context: Context,
    *,
    wallet: str | None = None,
    status: str | None = None,
    model: str | None = None,
    limit: int | None = None,
) -> list[Task]:
    """Return the tasks, newest first; raises InvalidRequest for a status there is none of."""
    if status is not None and status not in STATUSES:
        raise errors.InvalidRequest(
            f"a task is {', '.join(STATUSES)}, never {status!r}", param="status"
        )
    async with context.database.read() as connection:
        wallet_id = None
        if wallet is not None:
            wallet_id = (await references.wallet(connection, wallet)).id
        return await tasks.load(
            connection, wallet_id=wallet_id, status=status, model=model, limit=limit
        )


async def get(context: Context, task_id: str) -> tuple[Task, list[Result]]:
    """Return a task and what it made; raises NotFound."""
    async with context.database.read() as connection:
        found = await tasks.find(connection, task_id.strip())
        if found is None:
            raise errors.NotFound(
                f"there is no task {task_id!r}; `grip tasks list` shows what there is"
            )
        return found, await results.of_task(connection, found.id)


async def list_losses(context: Context, *, limit: int | None = None) -> list[Lost]:
    """Return the tasks that the operator may have paid for, and nobody else, newest first."""
    async with context.database.read() as connection:
        return await losses.load(connection, limit=limit)


async def loss_of(context: Context, task_id: str) -> Loss | None:
    """Return what was lost by a task, None where nothing was, as far as is known."""
    async with context.database.read() as connection:
        return await losses.find(connection, task_id)


def describe_loss(loss: Loss) -> dict[str, Any]:
    """Return a loss as it is shown; what it cost is null where the channel has no buy price."""
    return {
        "loss": loss.reason,
        "buy_cost_nano": loss.buy_cost_nano,
        "buy_cost_usd": None if loss.buy_cost_nano is None else usd(loss.buy_cost_nano),
        "seen_at": None if loss.seen_us is None else to_iso(loss.seen_us),
    }


def describe_result(result: Result) -> dict[str, Any]:
    """Return a result as it is shown to operators; never a vendor's link, which may let others in.

    `expires_at` is null where it is kept for ever.
    """
    expires_us, deleted_us = result.expires_us, result.deleted_us
    return {
        "index": result.n,
        "content_type": result.content_type,
        "bytes": result.size,
        "sha256": result.sha256 or None,
        "key": result.key,
        "expires_at": None if expires_us is None else to_iso(expires_us),
        "deleted_at": None if deleted_us is None else to_iso(deleted_us),
    }
