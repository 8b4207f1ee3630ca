"""What has been left lying: rows beyond their time, holds and tasks that nobody ends, backups."""

from typing import Final

from grip.clock import to_iso
from grip.services.context import Context
from grip.services.doctor.finding import Finding, fine, unless, warning
from grip.store import audit, boots, condition
from grip.store.audit import Wanted

_TABLES: Final = "tables"
_HOLDS: Final = "holds"
_BACKUPS: Final = "backups"

_HOUR_US: Final = 3600 * 1_000_000
_DAY_US: Final = 24 * _HOUR_US
_SPARE_DAYS: Final = 33
"""Details wait for the end of their month, whose rollup is compared, and for the next cron."""

_OLD_HOLD_US: Final = _DAY_US
_BACKUP_US: Final = 8 * _DAY_US
_MAINTENANCE: Final = "Run grip maintenance, and see that cron does every day."


async def check(context: Context) -> list[Finding]:
    """Return which tables hold rows that should have been deleted."""
    now_us = context.clock()
    retention = context.settings.retention
    days = retention.detail_days + _SPARE_DAYS
    limits = {
        "detail": now_us - days * _DAY_US,
        "idempotency_answer": now_us - 2 * _DAY_US,
        "upstream_event": now_us - 2 * _DAY_US,
        "task_result": now_us - _DAY_US,
        "task": now_us - days * _DAY_US,
        "boot": now_us - 40 * _DAY_US,
        "callback": now_us - (retention.callback_days + 2) * _DAY_US,
    }
    async with context.database.read() as connection:
        oldest = await condition.oldest_us(connection)
    found = [
        warning(
            _TABLES,
            f"The table {table} keeps what should be gone; the oldest is of {to_iso(oldest_us)}.",
            _MAINTENANCE,
        )
        for table, oldest_us in oldest.items()
        if oldest_us < limits[table]
    ]
    return unless(found, _TABLES, "No table holds rows beyond their time.")


async def holds(context: Context) -> list[Finding]:
    """Return holds and tasks that nobody seems to end."""
    now_us = context.clock()
    found = []
    async with context.database.read() as connection:
        orphans = await boots.orphaned(connection)
        old = await condition.old_holds(connection, now_us - _OLD_HOLD_US)
        late = await condition.late_tasks(connection, now_us - _HOUR_US)
    if orphans:
        found.append(
            warning(
                _HOLDS,
                f"{orphans} holds are of workers that have ended.",
                "Run grip maintenance leases; a gateway that runs does it by itself.",
            )
        )
    if old:
        found.append(
            warning(
                _HOLDS,
                f"{old} calls have held credits for more than a day.",
                "See whether their workers still serve, and restart those that hang.",
            )
        )
    if late:
        found.append(
            warning(
                _HOLDS,
                f"{late} tasks are past their deadline by an hour, and have not ended.",
                "See that grip serve or grip worker runs: grip tasks list --status processing.",
            )
        )
    return unless(found, _HOLDS, "No hold is older than its call can be.")


async def backups(context: Context) -> list[Finding]:
    """Return whether grip has made a backup of late."""
    async with context.database.read() as connection:
        made = await audit.load(connection, Wanted(action="db.backup"), limit=1)
        is_in_use = bool(await condition.newest_us(connection))
    remedy = "Run grip db backup FILE, and see that cron does; keep it on another machine."
    if not made:
        if not is_in_use:
            return [fine(_BACKUPS, "There is nothing to be backed up yet.")]
        return [warning(_BACKUPS, "grip knows of no backup of this database.", remedy)]
    last_us = made[0].at_us
    if last_us < context.clock() - _BACKUP_US:
        return [warning(_BACKUPS, f"The last backup is of {to_iso(last_us)}.", remedy)]
    return [fine(_BACKUPS, f"The last backup is of {to_iso(last_us)}.")]
