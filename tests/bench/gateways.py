"""The gateways that `make bench` measures: how each is set up and started.

Refuses to measure them.
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench import postgres, processes
from tests.bench.books import Books
from tests.bench.processes import Cores
from tests.bench.tools import Tools

_NO_KEY = "sk-grip-" + 43 * "0"

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What gateways are measured on: the tools, the running upstream, the books, the cores."""

    folder: Path
    tools: Tools
    upstream_port: int
    upstream_pid: int
    books: Books

    @property
    def server_folder(self) -> Path:
        """Where the PostgreSQL server keeps its data, from one session to the next."""
        return self.folder / "server"

    def cores_for(self, workers: int) -> Cores:
        """Return a core for each worker, apart from the load's where there are enough."""
        cores = processes.all_cores()
        return frozenset(cores[:workers] if len(cores) > workers else cores)

    @contextlib.contextmanager
    def room(self, name: str) -> Iterator[Path]:
        """Make a folder that is there while the block runs."""
        folder = self.folder / f"room-{name}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    @property
    def load_cores(self) -> Cores:
        """The core of the load and of the upstream."""
        return frozenset(processes.all_cores()[-1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A gateway that runs: where it listens, the keys it takes, and its processes."""

    ports: list[int]
    keys: list[str]
    pids: list[int]
    database_pids: list[int]


class Gateway(Protocol):
    """One of the gateways; only those with wallets are asked what a hot one costs."""

    slug: str
    name: str
    has_wallets: bool

    def is_installed(self) -> bool:
        """Whether it can be measured here."""

    def run(self, stand: Stand, folder: Path) -> AbstractContextManager[Session]:
        """Run it while a block runs, set up afresh in a folder of its own."""


class Direct:
    """No gateway: the load goes straight to the upstream, which also shows what both can do."""

    slug = "direct"
    name = "no gateway"
    has_wallets = False

    def is_installed(self) -> bool:
        """There is nothing to install."""
        return True

    @contextlib.contextmanager
    def run(self, stand: Stand, folder: Path) -> Iterator[Session]:
        """Name the upstream, which runs."""
        del folder
        pids = [stand.upstream_pid]
        yield Session(ports=[stand.upstream_port], keys=[_NO_KEY], pids=pids, database_pids=[])


class Nginx:
    """A plain reverse proxy: about the least that a gateway can cost."""

    slug = "nginx"
    name = "nginx, plain proxy"
    has_wallets = False

    def is_installed(self) -> bool:
        """Whether nginx is on the path."""
        return shutil.which("nginx") is not None

    @contextlib.contextmanager
    def run(self, stand: Stand, folder: Path) -> Iterator[Session]:
        """Write its configuration and start it."""
        port = processes.free_port()
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=port, upstream=stand.upstream_port))
        command = ["nginx", "-c", str(config)]
        with processes.started(command, stand.cores_for(1), folder) as pid:
            processes.wait_until_ready(port, pid, folder)
            yield Session(ports=[port], keys=[_NO_KEY], pids=[pid], database_pids=[])


class Grip:
    """grip with keys, holds, charges and usage rows, all of them durable."""

    has_wallets = True

    def __init__(self, slug: str, name: str, *, workers: int) -> None:
        self.slug = slug
        self.name = name
        self._workers = workers

    def is_installed(self) -> bool:
        """It is what is being measured."""
        return True

    @contextlib.contextmanager
    def run(self, stand: Stand, folder: Path) -> Iterator[Session]:
        """Start it on a copy of the filled books."""
        cores = stand.cores_for(self._workers)
        with ExitStack() as stack:
            if self.slug.startswith("postgres"):
                server = stack.enter_context(postgres.running(stand.server_folder, cores))
                config, keys = stand.books.postgres(folder, server)
                database_pids = [server.pid]
            else:
                config, keys = stand.books.sqlite(folder)
                database_pids = []
            port, pid = stack.enter_context(node(config, cores, folder, workers=self._workers))
            yield Session(ports=[port], keys=keys, pids=[pid], database_pids=database_pids)


@contextlib.contextmanager
def node(config: Path, cores: Cores, folder: Path, *, workers: int) -> Iterator[tuple[int, int]]:
    """Run `grip serve` while the block runs; yield its port and its process."""
    port = processes.free_port()
    command = [sys.executable, "-m", "grip", "serve", "--config", str(config)]
    command += ["--port", str(port), "--workers", str(workers)]
    with processes.started(command, cores, folder) as pid:
        processes.wait_until_ready(port, pid, folder)
        yield port, pid


GATEWAYS: dict[str, Gateway] = {
    gateway.slug: gateway
    for gateway in (
        Direct(),
        Nginx(),
        Grip("sqlite", "grip, SQLite", workers=1),
        Grip("sqlite-2", "grip, SQLite, 2 workers", workers=2),
        Grip("postgres", "grip, PostgreSQL", workers=1),
        Grip("postgres-2", "grip, PostgreSQL, 2 workers", workers=2),
    )
}
