"""The secrets that sign a wallet's callbacks: shown once, and two of them while one is rotated."""

from dataclasses import dataclass
from typing import Any, Final

from grip import errors, ids
from grip.clock import to_iso
from grip.services import references
from grip.services.context import Context
from grip.store import audit, callback_secrets, wallets
from grip.store.callback_secrets import Secret
from grip.store.engine import Connection

OVERLAP_S: Final = 24 * 3600
"""How long the secret before goes on signing beside the new one."""

_SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A secret that is shown this once, and until when the one before signs too."""

    wallet_id: str
    secret: str
    created_us: int
    previous_ends_us: int | None


def describe(made: NewSecret) -> dict[str, Any]:
    """Return a new secret as it is shown."""
    ends_us = made.previous_ends_us
    return {
        "wallet_id": made.wallet_id,
        "secret": made.secret,
        "created_at": to_iso(made.created_us),
        "previous_ends_at": None if ends_us is None else to_iso(ends_us),
    }


async def create(
    context: Context, wallet_ref: str, *, actor: str, rotate: bool = False
) -> NewSecret:
    """Make the first secret of a wallet, or another one that takes over from it.

    For a day both sign, so that the receiver can change over; older ones end now. Raises Conflict
    where there is a secret and it is not to be rotated.
    """
    now_us = context.clock()
    async with context.database.write() as connection:
        found = await references.wallet(connection, wallet_ref)
        wallet = await wallets.lock(connection, found.id)
        before = await callback_secrets.active(connection, wallet.id, now_us)
        shown = [secret for secret in before if secret.shown_us is not None]
        if shown and not rotate:
            raise errors.Conflict(
                f"the wallet {wallet.id} has a callback secret, which was shown once; "
                f"for another one: grip callbacks secret {wallet.id} --rotate"
            )
        kept = shown[0] if shown else None
        ends_us = await _end(connection, before, kept, now_us)
        fresh = Secret(
            id=context.new_id("sec"),
            wallet_id=wallet.id,
            secret=ids.new_callback_secret(),
            created_us=now_us,
            shown_us=now_us,
            ends_us=None,
        )
        await callback_secrets.insert(connection, fresh)
        await audit.append(
            connection,
            at_us=now_us,
            actor=actor,
            action="callback_secret.rotate" if kept else "callback_secret.create",
            subject=wallet.id,
            before=None if kept is None else {"secret_id": kept.id},
            after={"secret_id": fresh.id},
        )
    return NewSecret(
        wallet_id=wallet.id, secret=fresh.secret, created_us=now_us, previous_ends_us=ends_us
    )


async def _end(
    connection: Connection, before: list[Secret], kept: Secret | None, now_us: int
) -> int | None:
    """End all secrets but `kept`, and that one with the overlap; return when it ends."""
    for secret in before:
        if secret is not kept:
            await callback_secrets.end(connection, secret.id, now_us)
    if kept is None:
        return None
    ends_us = now_us + OVERLAP_S * _SECOND_US
    await callback_secrets.end(connection, kept.id, ends_us)
    return ends_us
