"""The books as they were proved last: `ledger verify`, checkpoints, and the rollups of months."""

from typing import Final

from grip.clock import to_iso
from grip.services.context import Context
from grip.services.doctor.finding import Finding, error, fine, listed, warning
from grip.services.maintenance import rollup
from grip.store import condition, standing

_PROOF: Final = "proof"
_ROLLUP: Final = "rollup"
_STALE_US: Final = 8 * 24 * 3600 * 1_000_000


async def proof(context: Context) -> list[Finding]:
    """Return whether the books were right when they were checked last, and when that was."""
    async with context.database.read() as connection:
        verified = await standing.verified(connection)
        is_in_use = bool(await condition.newest_us(connection))
    if verified is not None and verified.violations:
        return [
            error(
                _PROOF,
                f"The books were not right on {to_iso(verified.at_us)}: {verified.violations} "
                "violations.",
                "Run grip ledger verify, which names each.",
            )
        ]
    if not is_in_use:
        return [fine(_PROOF, "There is nothing to be proved yet.")]
    whole_us = None if verified is None else verified.whole_us
    if whole_us is None or whole_us < context.clock() - _STALE_US:
        since = "yet" if whole_us is None else f"since {to_iso(whole_us)}"
        return [
            warning(
                _PROOF,
                f"Nobody has checked all of the books {since}.",
                "Run grip maintenance every day: its step chain does so once a week, and makes a "
                "checkpoint of books that are right.",
            )
        ]
    return [fine(_PROOF, f"The books were right on {to_iso(whole_us)}.")]


async def rollups(context: Context) -> list[Finding]:
    """Return which months are not the sum of their rows: then nothing is deleted."""
    async with context.database.read() as connection:
        months = await rollup.verdicts(connection)
    wrong = sorted(month for month, verdict in months.items() if not verdict.agrees)
    if not wrong:
        return [fine(_ROLLUP, "Every month that was compared is the sum of its rows.")]
    return [
        error(
            _ROLLUP,
            f"Usage by the day is not the sum of its rows in {listed(wrong)}; nothing is deleted.",
            "Run grip maintenance rollup, which names each difference, and grip ledger verify.",
        )
    ]
