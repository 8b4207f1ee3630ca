"""What operators find in a database: rows that only a gateway writes, for commands about them."""

from typing import Any

from grip import app as gateway
from grip import ids, settings
from grip.clock import system_clock
from grip.store import boots, callbacks, detail_writers, orders, traces
from grip.store.aside import Aside
from grip.store.detail_writers import DetailRow
from grip.store.engine import Database
from grip.tasks.creation import Created
from grip.tasks.desk import Wish

_TRACE = traces.Trace(
    path="/chat/completions",
    model="gpt",
    ip="192.0.2.1",
    outcome="failed",
    is_stream=False,
    latency_ms=1,
    first_byte_ms=0,
    catalog_version=None,
    upstream_id=None,
    key=traces.KeyTold(
        name="main", is_owner=True, tier="free", models=None, groups=None, logs_content=True
    ),
    purse=None,
    requests=None,
    tokens=None,
    hold=None,
    order=[],
    sick=[],
    attempts=[],
    use=None,
    failure=None,
)


async def call(url: str, request_id: str) -> str:
    """Keep the content of a call; return its id."""
    database, aside = Database(url), Aside("test")
    writer = detail_writers.writer(database, aside)
    content = (b"asked", 5, 0, b"said", 4, 0)
    written = traces.written(_TRACE)
    await writer.write(
        [DetailRow(request_id, 10**15, "wal_1", "key_1", None, written, *content)], []
    )
    await writer.close()
    aside.end()
    await database.close()
    return request_id


async def callback(url: str, wallet_id: str) -> str:
    """Enqueue a callback; return its id."""
    database = Database(url)
    async with database.write() as connection:
        await callbacks.enqueue(
            connection,
            task_id="task_1",
            wallet_id=wallet_id,
            url="https://hooks.example.com/x",
            event="task.completed",
            body=b"{}",
            now_us=system_clock(),
        )
        (found,) = await callbacks.load(connection)
    await database.close()
    return found.id


async def put_in_review(url: str, order_id: str) -> str:
    """Let an order have been paid with another amount; return its id."""
    database = Database(url)
    async with database.write() as connection:
        order = await orders.lock(connection, order_id)
        assert order is not None
        await orders.change(connection, order, status=orders.REVIEW)
    await database.close()
    return order_id


async def task(url: str, secret: str, model: str) -> str:
    """Begin a task with a key; return its id."""
    app = gateway.build(settings.load(environ={"GRIP_DATABASE_URL": url}))
    await app.start()
    wish: dict[str, Any] = {"prompt": "a red balloon", "seconds": 2}
    created = await app.tasks.desk.create(
        Wish(
            key_hash=ids.key_hash(secret),
            ip="192.0.2.1",
            endpoint="/tasks",
            model=model,
            input=wish,
        ),
        lambda _: b"{}",
    )
    assert isinstance(created, Created)
    await app.stop()
    return created.task.id


async def forgotten_boot(url: str) -> None:
    """Leave a boot that ended years ago."""
    database = Database(url)
    async with database.write() as connection:
        await boots.register(connection, "boot_old", host="gone", region="", now_us=1)
        await boots.end(connection, "boot_old", boots.STOPPED, 2)
    await database.close()
