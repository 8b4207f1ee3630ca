"""What the request path remembers of callers and catalog, until an admission finds it outdated."""

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from grip.store import catalog as catalog_store
from grip.store.engine import Database
from grip.store.records import Caller, Catalog, ProviderPolicy

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


class Lookups(ABC):
    """What both books have in common: lookups, over what each engine reads in its own way."""

    def __init__(self, database: Database) -> None:
        self.lost = asyncio.Event()
        self._callers = CallerCache()
        self._catalog = CatalogCache(database, self._read_version)

    async def caller(self, key_hash: str, *, fresh: bool = False) -> Caller | None:
        """Look the key up, in memory unless `fresh`."""
        known = None if fresh else self._callers.get(key_hash)
        if known is not None:
            return known
        row = await self._read_caller(key_hash)
        found = None if row is None else _caller(row)
        self._callers.put(key_hash, found)
        return found

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return the snapshot, the newest where it must be `fresh`."""
        return await self._catalog.get(fresh=fresh)

    @abstractmethod
    async def _read_caller(self, key_hash: str) -> Any:
        """Return the row of the `CALLER` statement, or None; raises DatabaseUnavailable."""

    @abstractmethod
    async def _read_version(self) -> int:
        """Return the version of the catalog; raises DatabaseUnavailable."""


def _caller(row: Mapping[str, Any]) -> Caller:
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
        providers=_policy(row["providers"]),
        content_logging=None if row["content_logging"] is None else bool(row["content_logging"]),
        expires_us=row["expires_us"],
        usable=row["ended_us"] is None,
    )


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(msgspec.json.decode(text, type=list[str]))


def _policy(text: str | None) -> ProviderPolicy | None:
    return None if text is None else msgspec.json.decode(text, type=ProviderPolicy)
