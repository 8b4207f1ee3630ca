"""What the request path remembers of callers and catalog, until an admission finds it outdated."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from grip.store import catalog as catalog_store
from grip.store.engine import Database
from grip.store.records import Caller, Catalog

_MAX_CALLERS: Final = 10_000


class CatalogCache:
    """The last snapshot of the catalog, read again only when its version has moved on."""

    def __init__(self, database: Database, read_version: Callable[[], Awaitable[int]]) -> None:
        self._database = database
        self._read_version = read_version
        self._lock = asyncio.Lock()
        self._catalog: Catalog | None = None

    async def get(self, *, fresh: bool) -> Catalog:
        """Return the snapshot; `fresh` compares versions first."""
        known = self._catalog
        if known is not None and not fresh:
            return known
        async with self._lock:
            known = self._catalog
            if known is not None and known.version == await self._read_version():
                return known
            async with self._database.read() as connection:
                self._catalog = await catalog_store.load(connection)
            return self._catalog


class CallerCache:
    """The callers seen last, by the hash of their key."""

    def __init__(self) -> None:
        self._callers: OrderedDict[str, Caller] = OrderedDict()

    def get(self, key_hash: str) -> Caller | None:
        """Return what was stored, if it still is."""
        return self._callers.get(key_hash)

    def put(self, key_hash: str, caller: Caller | None) -> None:
        """Store a fresh answer; nobody is not remembered, so that chance keys fill no memory."""
        if caller is None:
            self._callers.pop(key_hash, None)
            return
        self._callers[key_hash] = caller
        if len(self._callers) > _MAX_CALLERS:
            self._callers.popitem(last=False)


def caller_record(row: Mapping[str, Any]) -> Caller:
    """Return the caller in a row of the `CALLER` statement."""
    return Caller(
        key_id=row["key_id"],
        key_name=row["key_name"],
        key_version=row["key_version"],
        wallet_id=row["wallet_id"],
        member_id=row["member_id"],
        account_id=row["account_id"],
        is_owner=row["owner_id"] == row["account_id"],
        tier=row["tier"],
        models=_names(row["models"]),
        groups=_names(row["groups"]),
        content_logging=None if row["content_logging"] is None else bool(row["content_logging"]),
        expires_us=row["expires_us"],
        usable=row["ended_us"] is None,
    )


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(msgspec.json.decode(text, type=list[str]))
