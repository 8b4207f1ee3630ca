"""Accounts: made with their wallet, switched off and on with every key that hangs on them."""

from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.money import ledger
from grip.services import postings, references
from grip.services.context import Context
from grip.store import accounts, audit, keys, members, wallets
from grip.store.engine import Connection
from grip.store.records import Account

FIRST_TIER = "free"


def describe(account: Account) -> dict[str, Any]:
    """Return an account as it is shown."""
    return {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "wallet_id": account.wallet_id,
        "created_at": to_iso(account.created_us),
        "disabled_at": None if account.disabled_us is None else to_iso(account.disabled_us),
    }


async def create(context: Context, *, actor: str, email: str, name: str = "") -> Account:
    """Make an account with its wallet, as whose first member it starts, and the sign-up credits.

    Raises InvalidRequest for an e-mail that is none, Conflict for one that is taken.
    """
    address, label = references.email(email), references.name(name)
    async with context.database.write() as connection:
        account = await _insert(context, connection, address, label)
        await _welcome(context, connection, account, actor)
        await audit.append(
            connection,
            at_us=account.created_us,
            actor=actor,
            action="account.create",
            subject=account.id,
            after={"email": address, "name": label, "wallet_id": account.wallet_id},
        )
    return account


async def list_accounts(context: Context, *, limit: int | None = None) -> list[Account]:
    """Return the accounts, newest first."""
    async with context.database.read() as connection:
        return await accounts.load(connection, limit=limit)


async def get(context: Context, ref: str) -> Account:
    """Return the account with this id, e-mail or name; raises NotFound or Ambiguous."""
    async with context.database.read() as connection:
        return await references.account(connection, ref)


async def disable(context: Context, ref: str, *, actor: str) -> Account:
    """Stop an account: its keys, and all keys of its wallet. Raises Conflict where it is."""
    return await _switch(context, ref, actor=actor, off=True)


async def enable(context: Context, ref: str, *, actor: str) -> Account:
    """Let a disabled account work again; raises Conflict where it does."""
    return await _switch(context, ref, actor=actor, off=False)


async def _insert(context: Context, connection: Connection, email: str, name: str) -> Account:
    now_us = context.clock()
    account = Account(
        id=context.new_id("acct"),
        email=email,
        name=name,
        created_us=now_us,
        disabled_us=None,
        wallet_id=context.new_id("wal"),
    )
    await accounts.insert(
        connection, account_id=account.id, email=email, name=name, created_us=now_us
    )
    await wallets.insert(
        connection,
        wallet_id=account.wallet_id,
        owner_id=account.id,
        tier=FIRST_TIER,
        created_us=now_us,
    )
    await members.insert(
        connection,
        member_id=context.new_id("mem"),
        wallet_id=account.wallet_id,
        account_id=account.id,
        credit_limit=None,
        created_us=now_us,
    )
    return account


async def _welcome(context: Context, connection: Connection, account: Account, actor: str) -> None:
    """Grant the sign-up credits, where there are any: once in the life of an account."""
    if context.settings.credits.signup == 0:
        return
    posting = postings.Posting(
        counterpart=ledger.GRANT,
        amount=context.settings.credits.signup,
        actor=actor,
        reason="sign-up credits",
        effect=f"signup:{account.id}",
    )
    wallet = await wallets.lock(connection, account.wallet_id)
    await postings.credit(context, connection, wallet, posting)


async def _switch(context: Context, ref: str, *, actor: str, off: bool) -> Account:
    async with context.database.write() as connection:
        account = await references.account(connection, ref)
        now_us = context.clock()
        if off:
            is_changed = await accounts.disable(connection, account.id, now_us)
        else:
            is_changed = await accounts.enable(connection, account.id)
        if not is_changed:
            state = "disabled" if off else "enabled"
            raise errors.Conflict(f"the account {account.email} is {state} already")
        locked = await wallets.lock_all_of(connection, account.id)
        await keys.bump_of_account(connection, account.id, locked)
        await audit.append(
            connection,
            at_us=now_us,
            actor=actor,
            action="account.disable" if off else "account.enable",
            subject=account.id,
            before={"disabled": not off},
            after={"disabled": off},
        )
        return await references.account(connection, account.id)
