"""API keys: made, rolled and revoked; a secret is answered once and never stored."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from grip import errors, ids
from grip.clock import to_iso
from grip.services import amounts, references
from grip.services.context import Context
from grip.store import accounts, audit, keys, members, wallets
from grip.store.engine import Connection
from grip.store.records import Key, Member, Wallet

_RPM_MAX = 1_000_000
_LIST_MAX = 1_000
_LAST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key with its secret, which nobody can read again."""

    key: Key
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What a key may do, checked; None sets no limit."""

    name: str
    budget: int | None
    rpm: int | None
    models: list[str] | None
    groups: list[str] | None
    content_logging: bool | None
    expires_us: int | None


def status(key: Key, now_us: int) -> str:
    """Return `revoked`, `disabled`, `expired` or `active`: the first that is true.

    The key of a member who left is revoked, one whose account or wallet's owner is disabled is
    disabled for as long as they are.
    """
    if key.revoked_us is not None or key.left_us is not None:
        return "revoked"
    if key.disabled_us is not None:
        return "disabled"
    if key.expires_us is not None and key.expires_us <= now_us:
        return "expired"
    return "active"


def describe(key: Key, now_us: int) -> dict[str, Any]:
    """Return a key as it is shown, without its secret; `budget` and `spent` are whole credits."""
    return {
        "id": key.id,
        "name": key.name,
        "wallet_id": key.wallet_id,
        "member": key.member,
        "budget": key.budget,
        "spent": key.spent,
        "rpm": key.rpm,
        "models": key.models,
        "groups": key.groups,
        "content_logging": key.content_logging,
        "status": status(key, now_us),
        "last4": key.last4,
        "created_at": to_iso(key.created_us),
        "expires_at": None if key.expires_us is None else to_iso(key.expires_us),
        "revoked_at": None if key.revoked_us is None else to_iso(key.revoked_us),
    }


async def create(
    context: Context,
    wallet_ref: str,
    *,
    actor: str,
    name: str,
    member: str | None = None,
    budget: int | None = None,
    rpm: int | None = None,
    models: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    content_logging: bool | None = None,
    expires_us: int | None = None,
) -> NewKey:
    """Make a key for a wallet, held by the member with this e-mail, else by the owner.

    `budget` is in credits, `rpm` in requests a minute; None sets no limit, and allows all models
    and groups. Raises InvalidRequest for what cannot be, NotFound where there is no such wallet or
    member, Conflict where the holder or the wallet's owner is disabled.
    """
    terms = _Terms(
        name=_name(name),
        budget=_budget(budget),
        rpm=_rpm(rpm),
        models=_names(models, "models"),
        groups=_names(groups, "groups"),
        content_logging=content_logging,
        expires_us=_future(expires_us, context.clock()),
    )
    async with context.database.write() as connection:
        wallet, holder = await _holder(connection, wallet_ref, member)
        await _refuse_unknown(connection, terms.models)
        made = await _insert(context, connection, holder, terms)
        await audit.append(
            connection,
            at_us=made.key.created_us,
            actor=actor,
            action="key.create",
            subject=made.key.id,
            after={**asdict(terms), "wallet_id": wallet.id, "member": holder.email},
        )
    return made


async def list_keys(
    context: Context, wallet_ref: str | None = None, *, limit: int | None = None
) -> list[Key]:
    """Return the keys, newest first, of one wallet or of all; revoked ones too.

    Those of members who left are not among them.
    """
    async with context.database.read() as connection:
        if wallet_ref is None:
            return await keys.load(connection, limit=limit)
        wallet = await references.wallet(connection, wallet_ref)
        return await keys.load(connection, wallet_id=wallet.id, limit=limit)


async def get(context: Context, ref: str) -> Key:
    """Return the key with this id or name; raises NotFound or Ambiguous."""
    async with context.database.read() as connection:
        return await references.key(connection, ref)


async def roll(context: Context, ref: str, *, actor: str) -> NewKey:
    """Give an active key another secret under the same id; the old one is refused from then on.

    Raises Conflict where the key is not active.
    """
    secret = ids.new_api_key()
    async with context.database.write() as connection:
        key = await _locked(connection, ref)
        state = status(key, context.clock())
        if state != "active":
            raise errors.Conflict(f"the API key {key.id} is {state}; make a new one")
        last4 = secret[-_LAST:]
        await keys.roll(connection, key.id, key_hash=ids.key_hash(secret), last4=last4)
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="key.roll",
            subject=key.id,
            before={"last4": key.last4},
            after={"last4": last4},
        )
        return NewKey(key=await keys.get(connection, key.id), secret=secret)


async def revoke(context: Context, ref: str, *, actor: str) -> Key:
    """End a key for good; raises Conflict where it has ended."""
    async with context.database.write() as connection:
        key = await _locked(connection, ref)
        if key.revoked_us is not None or key.left_us is not None:
            raise errors.Conflict(f"the API key {key.id} is revoked already")
        await keys.revoke(connection, key.id, context.clock())
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="key.revoke",
            subject=key.id,
            before={"status": status(key, context.clock())},
            after={"status": "revoked"},
        )
        return await keys.get(connection, key.id)


async def _insert(
    context: Context, connection: Connection, holder: Member, terms: _Terms
) -> NewKey:
    secret = ids.new_api_key()
    key_id = context.new_id("key")
    logging = terms.content_logging
    await keys.insert(
        connection,
        {
            **asdict(terms),
            "id": key_id,
            "wallet_id": holder.wallet_id,
            "member_id": holder.id,
            "hash": ids.key_hash(secret),
            "last4": secret[-_LAST:],
            "content_logging": None if logging is None else int(logging),
            "created_us": context.clock(),
        },
    )
    return NewKey(key=await keys.get(connection, key_id), secret=secret)


async def _locked(connection: Connection, ref: str) -> Key:
    """Return the key as it stands with its wallet locked."""
    found = await references.key(connection, ref)
    await wallets.lock(connection, found.wallet_id)
    return await keys.get(connection, found.id)


async def _holder(
    connection: Connection, wallet_ref: str, email: str | None
) -> tuple[Wallet, Member]:
    """Return the locked wallet, and the member who is to hold a key for it."""
    found = await references.wallet(connection, wallet_ref)
    account_id = found.owner_id
    if email is not None:
        account_id = (await references.account(connection, references.email(email))).id
    for account in await accounts.share(connection, account_id, found.owner_id):
        if account.disabled_us is not None:
            raise errors.Conflict(f"the account {account.email} is disabled; enable it first")
    wallet = await wallets.lock(connection, found.id)
    member = await members.find(connection, wallet.id, account_id)
    if member is None:
        raise errors.NotFound(
            f"{email} is no member of {wallet.id}; add them with: grip wallet members add",
            param="member",
        )
    return wallet, member


async def _refuse_unknown(connection: Connection, names: list[str] | None) -> None:
    unknown = await keys.unknown_models(connection, names) if names else []
    if unknown:
        raise errors.InvalidRequest(
            f"there is no model or alias {', '.join(map(repr, unknown))}; "
            "`grip models list` shows what there is",
            param="models",
        )


def _name(text: str) -> str:
    name = references.name(text)
    if not name:
        raise errors.InvalidRequest("an API key needs a name", param="name")
    return name


def _budget(budget: int | None) -> int | None:
    return None if budget is None else amounts.whole_credits(budget, minimum=0, param="budget")


def _rpm(rpm: int | None) -> int | None:
    if rpm is not None and not 0 < rpm <= _RPM_MAX:
        raise errors.InvalidRequest(
            f"rpm must be from 1 to {_RPM_MAX} requests a minute, not {rpm}", param="rpm"
        )
    return rpm


def _names(names: Sequence[str] | None, param: str) -> list[str] | None:
    """Return the names of a list, each once; None, which allows all, stays None."""
    if names is None:
        return None
    stripped = list(dict.fromkeys(references.name(name, param=param) for name in names))
    if not stripped or "" in stripped or len(stripped) > _LIST_MAX:
        raise errors.InvalidRequest(
            f"{param} names 1 to {_LIST_MAX} of them, or is left out to allow all", param=param
        )
    return stripped


def _future(expires_us: int | None, now_us: int) -> int | None:
    if expires_us is not None and expires_us <= now_us:
        raise errors.InvalidRequest("the key would have expired already", param="expires")
    return expires_us
