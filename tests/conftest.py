"""What all tests share: both database engines, migrated once and copied for each test.

PostgreSQL is a real server: the one of `GRIP_TEST_POSTGRES_URL` (its user may create databases),
else one from a wheel, started once for each test process.
"""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from grip.ids import IdSource
from grip.services.context import Context
from grip.settings import load
from grip.store import schema
from grip.store.engine import Database
from tests import machine, postgres_pool, postgres_wheel, statements
from tests.postgres_pool import Pool

machine.keep_out()
statements.share()

# How long an example takes says nothing about grip.
settings.register_profile(
    "house", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("house")


# A shell that starts tests in the background lets them ignore Ctrl-C, and with them all that they
# start: what ends by it would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_TESTS: Final = Path(__file__).parent
_LONG: Final = ("crash", "docs", "drill", "tasks")

# What is collected stays: looking for garbage among it takes as long as collecting it.
gc.disable()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Import all tests, each worker from a place of its own on.

    In a new checkout pytest rewrites the assertions of each file, and keeps the outcome beside it:
    in one order, every worker would rewrite all of them.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    paths = sorted(path for path in _TESTS.rglob("test_*.py") if "clients" not in path.parts)
    first = len(paths) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for path in (*paths[first:], *paths[:first]):
        module = ".".join(path.relative_to(_TESTS.parent).with_suffix("").parts)
        with suppress(Exception):  # collecting it says what is wrong
            import_module(module)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes a minute a file: what is begun last, the others wait for."""
    items.sort(key=lambda item: item.path.parent.name not in _LONG)


def pytest_collection_finish() -> None:
    """Look for garbage from now on, but not among the tests themselves."""
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the option of `make compat`."""
    parser.addoption(
        "--write-compatibility",
        action="store_true",
        help="write docs/compatibility.md as it is seen, instead of comparing",
    )


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now_us: int = 1_800_000_000_000_000) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us

    def advance(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that grip runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
async def sqlite_template(anyio_backend: object) -> AsyncIterator[Path]:
    """A migrated SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        database = Database(f"sqlite:///{path}")
        await schema.upgrade(database)
        await database.close()
        yield path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running PostgreSQL server."""
    if url := os.environ.get("GRIP_TEST_POSTGRES_URL"):  # noqa: TID251 - read before grip starts
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="grip-pg-") as folder:
        Path(folder).chmod(0o755)
        locks = Path(folder) / "run"
        locks.mkdir(mode=0o700)
        wheel = postgres_wheel.imported(locks)
        server = wheel.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
async def postgres_template(anyio_backend: object, postgres_server: str) -> AsyncIterator[str]:
    """The name of a migrated database on the server."""
    name = await postgres_pool.create(postgres_server)
    database = Database(postgres_pool.url(postgres_server, name))
    await schema.upgrade(database)
    await database.close()
    yield name
    await postgres_pool.drop(postgres_server, name)


@pytest.fixture(scope="session")
async def postgres_databases(postgres_server: str, postgres_template: str) -> AsyncIterator[Pool]:
    """Databases with the schema, to be lent."""
    pool = Pool(postgres_server, postgres_template)
    yield pool
    await pool.close()


@pytest.fixture
async def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh SQLite database."""
    shutil.copy(sqlite_template, tmp_path / "grip.db")
    return f"sqlite:///{tmp_path / 'grip.db'}"


@pytest.fixture
async def postgres_url(postgres_server: str, postgres_databases: Pool) -> AsyncIterator[str]:
    """The URL of a fresh PostgreSQL database."""
    name = await postgres_databases.lend()
    yield postgres_pool.url(postgres_server, name)
    await postgres_databases.take_back(name)


@pytest.fixture
async def empty_postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The URL of a PostgreSQL database without a schema."""
    name = await postgres_pool.create(postgres_server)
    yield postgres_pool.url(postgres_server, name)
    await postgres_pool.drop(postgres_server, name)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without a schema, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture
async def empty_database(empty_url: str) -> AsyncIterator[Database]:
    """A database without a schema, on each engine in turn."""
    database = Database(empty_url)
    yield database
    await database.close()


@pytest.fixture(scope="module")
def sqlite_module_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an SQLite database that the tests of a file share."""
    path = tmp_path_factory.mktemp("shared") / "grip.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
async def postgres_module_url(postgres_server: str, postgres_databases: Pool) -> AsyncIterator[str]:
    """The URL of a PostgreSQL database that the tests of a file share."""
    name = await postgres_databases.lend()
    yield postgres_pool.url(postgres_server, name)
    await postgres_databases.take_back(name)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def module_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database that the tests of a file share, on each engine in turn."""
    return str(request.getfixturevalue(f"{request.param}_module_url"))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database, on each engine in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database, on each engine in turn."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def context(database: Database, clock: FakeClock) -> Context:
    """The surroundings of a use case, with the default configuration."""
    return Context(database=database, settings=load(environ={}), clock=clock, ids=IdSource())
