"""The books that a gateway is measured with: wallets with credits and keys, a channel, a model.

Made once for each engine through the gateway's own services, and copied for each measurement.
Refuses to write rows of its own.
"""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from grip import app, settings
from grip.money.pricing import Rates
from grip.services import accounts, channels, keys, models
from grip.services.context import Context
from grip.store import schema
from tests.bench import wire
from tests.bench.postgres import Server

_ACTOR = "bench"
_TEMPLATE = "bench"
_AT_ONCE = 4
_SELL = Rates(input_nano=150_000, output_nano=600_000)
_CONFIG = """
[database]
url = "{url}"
[credits]
signup = 1_000_000_000
[tiers.free]
qps = "unlimited"
tpm = "unlimited"
"""


class Books:
    """Databases for grip, and the API keys in them: one for each wallet, the hot one's first."""

    def __init__(self, folder: Path, upstream_port: int, wallets: int) -> None:
        self._folder = folder
        self._upstream_port = upstream_port
        self._wallets = wallets
        self._keys: dict[str, list[str]] = {}

    def sqlite(self, folder: Path) -> tuple[Path, list[str]]:
        """Put a database and its configuration into `folder`; return the latter and the keys."""
        template = self._folder / "template.db"
        if "sqlite" not in self._keys:
            self._keys["sqlite"] = self._fill(self._folder, f"sqlite:///{template}")
            with closing(sqlite3.connect(template)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(template, folder / "grip.db")
        return configure(folder, f"sqlite:///{folder / 'grip.db'}"), self._keys["sqlite"]

    def postgres(self, folder: Path, server: Server) -> tuple[Path, list[str]]:
        """Make a database on the server and its configuration in `folder`, as `sqlite` does."""
        if "postgres" not in self._keys:
            self._keys["postgres"] = self._fill(self._folder, server.create(_TEMPLATE))
        server.drop("grip")
        return configure(folder, server.create("grip", _TEMPLATE)), self._keys["postgres"]

    def _fill(self, folder: Path, url: str) -> list[str]:
        return asyncio.run(_fill(configure(folder, url), self._upstream_port, self._wallets))


def configure(folder: Path, url: str) -> Path:
    """Write the configuration of grip that is measured: the defaults, without rate limits."""
    path = folder / "grip.toml"
    path.write_text(_CONFIG.format(url=url))
    return path


async def _fill(config: Path, upstream_port: int, wallets: int) -> list[str]:
    context = app.context(settings.load(config, environ={}))
    try:
        await schema.ensure(context.database)
        upstream = f"http://127.0.0.1:{upstream_port}/v1"
        channel = channels.Draft(name="bench", kind="openai", base_url=upstream)
        await channels.add(context, channel, actor=_ACTOR)
        model = models.Draft(name=wire.MODEL, type="chat", sell=_SELL)
        await models.add(context, model, actor=_ACTOR)
        secrets: list[str] = []
        for first in range(0, wallets, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, wallets))
            secrets += await asyncio.gather(*(_wallet(context, number) for number in numbers))
        return secrets
    finally:
        await context.database.close()


async def _wallet(context: Context, number: int) -> str:
    email = f"bench-{number}@example.com"
    await accounts.create(context, actor=_ACTOR, email=email)
    return (await keys.create(context, email, actor=_ACTOR, name=f"bench-{number}")).secret
