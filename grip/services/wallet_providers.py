"""Which channels may serve a wallet: by their groups, and by the kind of their provider.

A change bumps every key of the wallet in its own transaction, so that it holds for all calls that
are admitted after it. Refuses to know models: what a policy leaves of them is found out by a call.
"""

from collections.abc import Sequence
from typing import Any

from grip import errors
from grip.providers.kinds import KINDS
from grip.services import amounts, references
from grip.services.catalog_checks import check_groups, check_known, check_unique, refused
from grip.services.context import Context
from grip.store import audit, keys, wallets
from grip.store.records import ProviderPolicy, Wallet


def policy(
    *,
    allow_groups: Sequence[str] = (),
    deny_groups: Sequence[str] = (),
    allow_kinds: Sequence[str] = (),
    deny_kinds: Sequence[str] = (),
) -> ProviderPolicy | None:
    """Return the policy that these words make; None where there are none, which lets everybody.

    Raises InvalidRequest for what is no group or kind, and where one is allowed and denied.
    """
    for groups in filter(None, (allow_groups, deny_groups)):
        check_groups(groups)
    for kinds in (allow_kinds, deny_kinds):
        check_unique(kinds, "kind")
        check_known(kinds, KINDS, "kind")
    for param, allowed, denied in (
        ("group", allow_groups, deny_groups),
        ("kind", allow_kinds, deny_kinds),
    ):
        if both := sorted(set(allowed) & set(denied)):
            raise refused(param, f"{both[0]!r} cannot be allowed and denied")
    if not (allow_groups or deny_groups or allow_kinds or deny_kinds):
        return None
    return ProviderPolicy(
        allow_groups=frozenset(allow_groups) or None,
        deny_groups=frozenset(deny_groups),
        allow_kinds=frozenset(allow_kinds) or None,
        deny_kinds=frozenset(deny_kinds),
    )


async def set_providers(
    context: Context, ref: str, new: ProviderPolicy | None, *, actor: str, reason: str
) -> Wallet:
    """Put `new` in the place of the wallet's policy; return the wallet as it stands then.

    Raises NotFound or Ambiguous, and Conflict where the wallet has this policy.
    """
    why = amounts.reason(reason)
    async with context.database.write() as connection:
        found = await references.wallet(connection, ref)
        wallet = await wallets.lock(connection, found.id)
        if wallet.providers == new:
            raise errors.Conflict(f"the wallet {wallet.id} has this policy already")
        await wallets.set_providers(connection, wallet.id, old=wallet.providers, new=new)
        await keys.bump_of_wallet(connection, wallet.id)
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="wallet.providers",
            subject=wallet.id,
            before={"providers": describe(wallet.providers)},
            after={"providers": describe(new)},
            reason=why,
        )
        return await wallets.lock(connection, wallet.id)


def describe(found: ProviderPolicy | None) -> dict[str, Any] | None:
    """Return a policy as it is shown: sorted lists, and None for one that allows everybody."""
    if found is None:
        return None
    return {
        "allow_groups": _listed(found.allow_groups),
        "deny_groups": _listed(found.deny_groups),
        "allow_kinds": _listed(found.allow_kinds),
        "deny_kinds": _listed(found.deny_kinds),
    }


def _listed(words: frozenset[str] | None) -> list[str] | None:
    return None if words is None else sorted(words)
