"""The audit row of a step of maintenance: what it deleted or changed, in numbers."""

from collections.abc import Mapping

from grip.services.context import Context
from grip.store import audit


async def record(context: Context, step: str, did: Mapping[str, int], *, actor: str) -> None:
    """Write down what a run of `step` did; one that was killed has left what it did in the rows."""
    async with context.database.write() as connection:
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action=f"maintenance.{step}",
            subject="maintenance",
            after=dict(did),
        )
