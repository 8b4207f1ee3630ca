"""Whoever writes to a SQLite file waits for the turn, has it alone, and leaves no place behind."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from grip import errors
from grip.store import write_queue
from grip.store.write_queue import Door, Turn, turn

COUNT = """
import sys
from pathlib import Path
from grip.store.write_queue import Turn

path, count = Path(sys.argv[1]), Path(sys.argv[2])
mine = Turn(path)
for _ in range(200):
    mine.take()
    count.write_text(str(int(count.read_text()) + 1))
    mine.give()
"""

KEEP = """
import sys
from pathlib import Path
from grip.store.write_queue import Turn

mine = Turn(Path(sys.argv[1]))
mine.take()
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    """The file that is written to; nobody has looked at it yet."""
    return tmp_path / "grip.db"


def keeper(path: Path) -> Any:
    """Return another process that has the turn."""
    process = subprocess.Popen(
        [sys.executable, "-c", KEEP, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    return process


def waiters() -> list[threading.Thread]:
    """Return the threads that wait for a turn."""
    return [thread for thread in threading.enumerate() if thread.name == "write-queue"]


async def join_waiters() -> None:
    """Return when those who waited have ended, and the loop has heard of it."""
    for thread in waiters():
        await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)


def is_free(path: Path) -> bool:
    """Whether the turn is to be had, once those who waited have come to their end."""
    mine = Turn(path)
    is_had = mine.take_now()
    mine.close()
    return is_had


def test_one_thread_at_a_time_has_the_turn(path, tmp_path):
    """Each with a place of its own: what they count, read and write back is exact."""
    count = tmp_path / "count"
    count.write_text("0")

    def work(_: int) -> None:
        mine = Turn(path)
        for _ in range(100):
            mine.take()
            count.write_text(str(int(count.read_text()) + 1))
            mine.give()
        mine.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert count.read_text() == "400"


def test_one_process_at_a_time_has_the_turn(path, tmp_path):
    """What three of them count, read and write back is exact."""
    count = tmp_path / "count"
    count.write_text("0")
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNT, str(path), str(count)]) for _ in range(3)
    ]

    assert [process.wait() for process in processes] == [0, 0, 0]
    assert count.read_text() == "600"


async def test_one_task_at_a_time_has_the_turn(path):
    """However many of one loop ask for it."""
    inside = most = done = 0

    async def work() -> None:
        nonlocal inside, most, done
        async with turn(path):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            done += 1

    await asyncio.gather(*(work() for _ in range(50)))

    assert (most, done) == (1, 50)
    assert is_free(path)


async def test_all_transactions_of_a_process_take_one_place_in_the_queue(path):
    """Whoever else waits does so behind one of them, not behind all."""
    mine, door = Turn(path), Door(path)
    mine.take()
    order: list[str] = []

    async def work(number: int) -> None:
        async with door.turn():
            order.append(f"mine {number}")

    async def other() -> None:
        async with turn(path):
            order.append("other")

    working = [asyncio.create_task(work(number)) for number in range(50)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(other())
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(waiters()) == 2
    mine.close()
    await asyncio.gather(waiting, *working)
    await join_waiters()

    assert sorted(order) == sorted([f"mine {number}" for number in range(50)] + ["other"])
    assert [one for one in order if one != "other"] == [f"mine {number}" for number in range(50)]
    assert is_free(path)


async def test_nobody_waits_before_the_door_for_ever(path, monkeypatch):
    """Whoever is inside keeps the others out for as long as a turn may take, and no longer."""
    door = Door(path)
    async with door.turn():
        monkeypatch.setattr(write_queue, "WAIT_S", 0)
        with pytest.raises(errors.DatabaseUnavailable, match="kept the database locked"):
            async with door.turn():
                pass

    assert is_free(path)


def test_the_turn_is_not_to_be_had_twice(path):
    """It says so at once, and can be had when it has been given back."""
    mine, other = Turn(path), Turn(path)
    assert mine.take_now()
    assert not other.take_now()
    mine.give()
    assert other.take_now()
    other.close()
    mine.take()
    mine.close()

    assert is_free(path)


async def test_a_turn_ends_with_its_block_however_that_ends(path):
    """What went wrong inside does not lock the others out."""
    with pytest.raises(ZeroDivisionError):
        async with turn(path):
            assert not is_free(path)
            raise ZeroDivisionError

    assert is_free(path)


async def test_the_turn_of_a_process_that_is_killed_goes_on_to_the_next(path):
    """The kernel gives back what the dead had."""
    process = keeper(path)
    waiting = asyncio.create_task(has_turn(path))
    await asyncio.sleep(0)
    assert len(waiters()) == 1
    process.kill()

    assert await waiting
    process.communicate()


async def has_turn(path: Path) -> bool:
    async with turn(path):
        return not is_free(path)


async def test_who_stops_waiting_leaves_the_queue(path):
    """The turn that comes to them later goes on to whoever waits then."""
    async with turn(path):
        waiting = [asyncio.create_task(has_turn(path)) for _ in range(3)]
        await asyncio.sleep(0)
        assert len(waiters()) == 3
        for task in waiting[:2]:
            task.cancel()
        ended = await asyncio.gather(*waiting[:2], return_exceptions=True)
    assert [type(end) for end in ended] == [asyncio.CancelledError] * 2
    assert await waiting[2]
    await join_waiters()

    assert is_free(path)


async def test_who_is_cancelled_as_the_turn_comes_gives_it_back(path, monkeypatch):
    """They never had it, and nobody else could give it back."""
    loop = asyncio.get_running_loop()
    create = loop.create_future

    def create_future() -> asyncio.Future[Any]:
        future = create()
        # This callback is the first, so it runs before the waiter goes on.
        future.add_done_callback(lambda _: waiting.cancel())
        monkeypatch.undo()
        return future

    async with turn(path):
        waiting = asyncio.create_task(has_turn(path))
        monkeypatch.setattr(loop, "create_future", create_future)
        await asyncio.sleep(0)
        assert len(waiters()) == 1
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await join_waiters()

    assert is_free(path)


async def test_a_turn_that_does_not_come_is_told_after_a_while(path, monkeypatch):
    """As a database that is away; the place in the queue is left."""
    monkeypatch.setattr(write_queue, "WAIT_S", 0)
    async with turn(path):
        with pytest.raises(errors.DatabaseUnavailable, match="locked for 0 s"):
            await has_turn(path)
    await join_waiters()

    assert is_free(path)


def test_who_waits_when_the_loop_is_closed_leaves_the_queue(path):
    """The turn comes to a thread that nobody listens to any more."""
    process = keeper(path)
    with asyncio.Runner() as runner:

        async def wait() -> None:
            tasks.append(asyncio.create_task(has_turn(path)))
            await asyncio.sleep(0)

        tasks: list[asyncio.Task[bool]] = []
        runner.run(wait())
    assert tasks[0].cancelled()
    (thread,) = waiters()
    process.communicate()
    thread.join()

    assert is_free(path)


async def test_a_folder_that_cannot_be_written_is_told_with_the_remedy(tmp_path):
    """The queue is a file beside the database."""
    with pytest.raises(errors.DatabaseUnavailable, match="folder must be writable") as caught:
        await has_turn(tmp_path / "gone" / "grip.db")

    assert "gone" in caught.value.detail
