"""Closes the books of a moment: verifies them, and says in a checkpoint that they were right.

The verification, the heads of the chain and the balances are of one state of the database. Refuses
to write a checkpoint on books that are not right.
"""

from dataclasses import replace
from typing import Final

from grip import errors
from grip.services import chain, checkpoints, ledger
from grip.services.context import Context
from grip.store import audit, standing
from grip.store.engine import Connection
from grip.store.proofs import chain as blocks
from grip.store.proofs import checkpoints as store
from grip.store.proofs.checkpoints import Balance, Checkpoint
from grip.store.snapshot import freeze

_HOUR_US: Final = 3_600 * 1_000_000
EVERY_US: Final = 20 * _HOUR_US
"""How old the last checkpoint is when maintenance makes another: one a day, if not to the hour."""

WHOLE_EVERY_US: Final = 6 * 24 * _HOUR_US + EVERY_US
"""How long ago all rows were verified when maintenance does it again: once a week."""

_BATCH: Final = 2_000


class Overtaken(errors.Conflict):
    """Another node has made a checkpoint meanwhile; nothing is wrong."""


async def is_due(context: Context) -> bool:
    """Whether the last checkpoint is of another day, or something was wrong with the books.

    One from the future counts as old.
    """
    async with context.database.read() as connection:
        last = await store.last(connection)
        verified = await standing.verified(connection)
    if last is None or (verified is not None and verified.violations):
        return True
    return abs(context.clock() - last.at_us) >= EVERY_US


async def is_whole_due(context: Context) -> bool:
    """Whether all rows are to be verified: that was a week ago, or something was wrong with them.

    What is older than a checkpoint is seen by nothing less.
    """
    async with context.database.read() as connection:
        verified = await standing.verified(connection)
    if verified is None or verified.whole_us is None or verified.violations:
        return True
    return abs(context.clock() - verified.whole_us) >= WHOLE_EVERY_US


async def checkpoint(context: Context, *, actor: str, whole: bool = True) -> Checkpoint:
    """Make a checkpoint of the books as they stand, and return it.

    `whole` verifies all rows first, and not only what came since the last one. Raises Conflict
    where the books are not right, and Overtaken where another checkpoint was made meanwhile.
    """
    await chain.close(context)
    async with context.database.read() as connection:
        await freeze(connection)
        made, balances = await _drawn_up(context, connection, whole=whole)
    for start in range(0, len(balances), _BATCH):
        async with context.database.write() as connection:
            await store.keep(connection, made.id, balances[start : start + _BATCH])
    async with context.database.write() as connection:
        await _write(connection, made, len(balances), actor)
    return made


async def drop_stale(context: Context) -> int:
    """Delete the balances of checkpoints that newer ones have replaced; return how many."""
    dropped = 0
    while True:
        async with context.database.write() as connection:
            found = await store.drop(connection)
        if not found:
            return dropped
        dropped += found


async def _drawn_up(
    context: Context, connection: Connection, *, whole: bool
) -> tuple[Checkpoint, list[Balance]]:
    """Return a checkpoint that is not written yet, and its balances."""
    last = await store.last(connection)
    since = None if whole else last
    report = await ledger.examine(connection, since=since)
    await ledger.note(context, report)
    if not report.ok:
        names = ", ".join(check.name for check in report.checks if not check.ok)
        raise errors.Conflict(
            f"the books are not right ({names}), and no checkpoint was made; "
            "see: grip ledger verify"
        )
    heads = await chain.heads(connection)
    balances = await store.counted(connection, heads, since)
    made = Checkpoint(
        number=1 if last is None else last.number + 1,
        id=context.new_id("chk"),
        at_us=context.clock(),
        heads=heads,
        balances=checkpoints.digest_of_balances(balances),
        previous=blocks.BEGINNING if last is None else last.digest,
        digest="",
    )
    return replace(made, digest=checkpoints.digest_of(made)), balances


async def _write(connection: Connection, made: Checkpoint, kept: int, actor: str) -> None:
    """Write a checkpoint whose balances are all there."""
    is_whole = await store.kept(connection, made.id) == kept
    if not is_whole or not await store.append(connection, made):
        raise Overtaken("another checkpoint was made meanwhile, which is the last one now")
    await audit.append(
        connection,
        at_us=made.at_us,
        actor=actor,
        action="ledger.checkpoint",
        subject=made.id,
        after={"number": made.number, "sha256": made.digest},
    )
