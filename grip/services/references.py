"""How a command names an account, a wallet or a key, and what it may say of people and names."""

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

from grip import errors
from grip.store import accounts, keys, wallets
from grip.store.engine import Connection
from grip.store.records import Account, Key, Wallet

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_EMAIL_MAX = 254
_NAME_MAX = 200


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Identified)


async def account(connection: Connection, reference: str) -> Account:
    """Return the account with this id, e-mail or name; raises NotFound or Ambiguous."""
    return _one(reference, await _named(connection, reference), "account")


async def wallet(connection: Connection, reference: str) -> Wallet:
    """Return the wallet with this id, or of this owner's; raises NotFound or Ambiguous."""
    name = reference.strip()
    found = await wallets.match(connection, name, name.lower()) if name else []
    return _one(reference, found, "wallet")


async def key(connection: Connection, reference: str) -> Key:
    """Return the API key with this id or name; raises NotFound or Ambiguous."""
    name = reference.strip()
    found = await keys.match(connection, name) if name else []
    return _one(reference, found, "API key")


def email(text: str) -> str:
    """Return an e-mail address as it is stored; raises InvalidRequest where it is none."""
    address = text.strip().lower()
    if len(address) > _EMAIL_MAX or not address.isprintable() or not _EMAIL.fullmatch(address):
        raise errors.InvalidRequest(
            f"{text.strip()[:_EMAIL_MAX]!r} is no e-mail address such as ana@example.com",
            param="email",
        )
    return address


def name(text: str, *, param: str = "name") -> str:
    """Return a name without the space around it; raises InvalidRequest where it cannot be one."""
    stripped = text.strip()
    if len(stripped) > _NAME_MAX or not stripped.isprintable():
        raise errors.InvalidRequest(
            f"a {param} has at most {_NAME_MAX} printable characters", param=param
        )
    return stripped


async def _named(connection: Connection, reference: str) -> list[Account]:
    text = reference.strip()
    return await accounts.match(connection, text, text.lower()) if text else []


def _one(reference: str, found: Sequence[T], noun: str) -> T:
    if not found:
        raise errors.NotFound(f"there is no {noun} {reference!r}; `list` shows what there is")
    if len(found) > 1:
        ids = ", ".join(item.id for item in found)
        raise errors.Ambiguous(f"{reference!r} may be any {noun} of {ids}; name one by its id")
    return found[0]
