"""Members of a wallet: who may make keys for it, and how much these may spend."""

from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.services import amounts, references
from grip.services.context import Context
from grip.store import accounts, audit, keys, members, wallets
from grip.store.engine import Connection
from grip.store.records import Account, Member, Wallet


def describe(member: Member) -> dict[str, Any]:
    """Return a member as they are shown; `limit` and `spent` are whole credits."""
    return {
        "id": member.id,
        "wallet_id": member.wallet_id,
        "email": member.email,
        "owner": member.is_owner,
        "limit": member.credit_limit,
        "spent": member.spent,
        "created_at": to_iso(member.created_us),
        "left_at": None if member.left_us is None else to_iso(member.left_us),
    }


async def list_members(
    context: Context, wallet_ref: str, *, limit: int | None = None
) -> list[Member]:
    """Return the present members of a wallet, its owner included, newest first."""
    async with context.database.read() as connection:
        wallet = await references.wallet(connection, wallet_ref)
        return await members.load(connection, wallet.id, limit=limit)


async def add(
    context: Context, wallet_ref: str, email: str, *, actor: str, limit: int | None = None
) -> Member:
    """Make an account a member, with a limit in credits or none.

    Raises NotFound where there is no such account, Conflict where it is a member or disabled, and
    MemberCapReached where the wallet's tier admits no further one.
    """
    if limit is not None:
        amounts.whole_credits(limit, minimum=0, param="limit")
    async with context.database.write() as connection:
        account = await _account(connection, email)
        found = await references.wallet(connection, wallet_ref)
        wallet = await wallets.lock(connection, found.id)
        await _refuse(context, connection, wallet, account)
        now_us = context.clock()
        await members.insert(
            connection,
            member_id=context.new_id("mem"),
            wallet_id=wallet.id,
            account_id=account.id,
            credit_limit=limit,
            created_us=now_us,
        )
        member = await _present(connection, wallet, account)
        await audit.append(
            connection,
            at_us=now_us,
            actor=actor,
            action="member.add",
            subject=wallet.id,
            after={"member_id": member.id, "email": member.email, "limit": limit},
        )
    return member


async def set_limit(
    context: Context, wallet_ref: str, email: str, limit: int | None, *, actor: str
) -> Member:
    """Cap what a member's keys may spend in all, in credits; None lifts the cap."""
    if limit is not None:
        amounts.whole_credits(limit, minimum=0, param="limit")
    async with context.database.write() as connection:
        wallet, member = await _locked(connection, wallet_ref, email)
        await members.set_limit(connection, member.id, limit)
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="member.limit",
            subject=wallet.id,
            before={"member_id": member.id, "email": member.email, "limit": member.credit_limit},
            after={"member_id": member.id, "email": member.email, "limit": limit},
        )
        return await members.get(connection, member.id)


async def remove(context: Context, wallet_ref: str, email: str, *, actor: str) -> Member:
    """End a membership; its keys are dead for good. Raises Conflict for the wallet's owner."""
    async with context.database.write() as connection:
        wallet, member = await _locked(connection, wallet_ref, email)
        if member.is_owner:
            raise errors.Conflict(f"{member.email} owns the wallet {wallet.id} and cannot leave it")
        now_us = context.clock()
        dead = await keys.bump_of_member(connection, member.id)
        await members.leave(connection, member.id, now_us)
        await audit.append(
            connection,
            at_us=now_us,
            actor=actor,
            action="member.remove",
            subject=wallet.id,
            before={"member_id": member.id, "email": member.email, "limit": member.credit_limit},
            after={"dead_keys": dead},
        )
        return await members.get(connection, member.id)


async def _account(connection: Connection, email: str) -> Account:
    """Return the account to be a member, kept as it is until the transaction ends."""
    address = references.email(email)
    found = await accounts.match(connection, address, address)
    if not found:
        raise errors.NotFound(
            f"there is no account {address}; make it with: grip accounts create --email {address}",
            param="email",
        )
    (account,) = await accounts.share(connection, found[0].id)
    if account.disabled_us is not None:
        raise errors.Conflict(f"the account {address} is disabled; enable it first", param="email")
    return account


async def _refuse(
    context: Context, connection: Connection, wallet: Wallet, account: Account
) -> None:
    if await members.find(connection, wallet.id, account.id) is not None:
        raise errors.Conflict(f"{account.email} is a member of {wallet.id} already", param="email")
    tier = context.settings.tiers.get(wallet.tier)
    if tier is None:
        raise errors.ConfigurationInvalid(
            f"tiers.{wallet.tier}: is missing, and the wallet {wallet.id} is on it",
            param=f"tiers.{wallet.tier}",
        )
    count = await members.count(connection, wallet.id)
    if tier.members is not None and count >= tier.members:
        raise errors.MemberCapReached(
            f"the tier {wallet.tier} admits {tier.members} members, the owner included, and "
            f"{wallet.id} has {count}; put it on a higher tier or remove a member",
            metadata={"limit": tier.members, "members": count},
        )


async def _locked(connection: Connection, wallet_ref: str, email: str) -> tuple[Wallet, Member]:
    found = await references.wallet(connection, wallet_ref)
    wallet = await wallets.lock(connection, found.id)
    account = await references.account(connection, email)
    return wallet, await _present(connection, wallet, account)


async def _present(connection: Connection, wallet: Wallet, account: Account) -> Member:
    member = await members.find(connection, wallet.id, account.id)
    if member is None:
        raise errors.NotFound(f"{account.email} is no member of {wallet.id}", param="email")
    return member
