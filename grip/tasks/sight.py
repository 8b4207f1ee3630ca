"""Who may see which task, and what all others are told: that there is none."""

from grip import errors
from grip.store.records import Caller
from grip.store.tasks import Task


def may_see(task: Task, caller: Caller | None) -> bool:
    """Return whether this caller may: an operator, the wallet's owner, the member whose it is."""
    if caller is None:
        return True
    if task.wallet_id != caller.wallet_id:
        return False
    return caller.is_owner or task.member_id == caller.member_id


def unknown(task_id: str) -> errors.NotFound:
    """Return the error for a task that is not there, or not for these eyes."""
    return errors.NotFound(f"there is no task {task_id!r} here", param="id")
