"""Gateways for the tests: one on each engine that most tests share, and fresh ones to stop."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy.engine import make_url

from grip.clock import system_clock
from grip.ids import IdSource
from grip.services.context import Context
from grip.settings import load
from grip.store.engine import Database
from tests.e2e.gateway import CONFIG, serving
from tests.e2e.house import House
from tests.e2e.shop import Shop, config, stripe_of_today
from tests.e2e.upstream import Upstream


class Open(Protocol):
    """Opens a house on a database of its own; words and configuration are those of `serve`."""

    def __call__(self, *words: str, config: str = CONFIG) -> AbstractContextManager[House]: ...


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """A loop beside the tests, for what an operator does."""
    with start_blocking_portal("asyncio") as portal:
        yield portal


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """The upstream of every house."""
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    portal: BlockingPortal,
    upstream: Upstream,
) -> Iterator[House]:
    """A house that tests share, on each engine in turn; at its end the books must add up."""
    folder = tmp_path_factory.mktemp("house")
    with _fresh(request, folder, portal) as url, _house(url, folder, portal, upstream) as house:
        yield house
        house.assert_clean()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shop(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    portal: BlockingPortal,
    upstream: Upstream,
) -> Iterator[Shop]:
    """A house that sells credits, on each engine in turn; at its end the books must add up."""
    folder = tmp_path_factory.mktemp("shop")
    with (
        stripe_of_today() as stripe,
        _fresh(request, folder, portal) as url,
        _house(url, folder, portal, upstream, config=config(folder, stripe.address)) as house,
    ):
        yield Shop(house, stripe)
        house.assert_clean()


@pytest.fixture(params=["sqlite", "postgres"])
def own_url(
    request: pytest.FixtureRequest, tmp_path: Path, portal: BlockingPortal
) -> Iterator[str]:
    """The URL of a fresh database, on each engine in turn."""
    with _fresh(request, tmp_path, portal) as url:
        yield url


@pytest.fixture
def own_house(own_url: str, tmp_path: Path, portal: BlockingPortal, upstream: Upstream) -> Open:
    """Opens a house that the test may stop; at its end the books must add up."""

    @contextmanager
    def open_house(*words: str, config: str = CONFIG) -> Iterator[House]:
        with _house(own_url, tmp_path, portal, upstream, *words, config=config) as house:
            yield house
            assert house.gateway.stop() == 0
            house.assert_clean()

    return open_house


@contextmanager
def _house(
    url: str,
    folder: Path,
    portal: BlockingPortal,
    upstream: Upstream,
    *words: str,
    config: str = CONFIG,
) -> Iterator[House]:
    with serving(url, folder, *words, config=config) as gateway:
        context = Context(
            database=Database(url),
            settings=load(folder / "grip.toml", environ={"GRIP_DATABASE_URL": url}),
            clock=system_clock,
            ids=IdSource(),
        )
        house = House(gateway, upstream, portal, context)
        try:
            yield house
        finally:
            house.close()
            portal.call(context.database.close)


@contextmanager
def _fresh(request: pytest.FixtureRequest, folder: Path, portal: BlockingPortal) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "grip.db")
        yield f"sqlite:///{folder / 'grip.db'}"
        return
    server = str(request.getfixturevalue("postgres_server"))
    template = request.getfixturevalue("postgres_template")
    name = f"grip_e2e_{uuid.uuid4().hex[:12]}"
    portal.call(_run, server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    portal.call(_run, server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _run(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
