"""Deliveries: when they are tried, what ends them, and that two workers never share one.

Reports, by the numbers of the survey of other gateways: 31 (a name that leads elsewhere later), 35
(titen#48 and OpenWA#1402, a worker that dies with a callback), 36 (dograh#478, a task that ends
twice), 37 (replicate-javascript#195, redirects), 38 (a receiver that fails for 28 hours).
"""

import asyncio
import re
from collections.abc import Sequence

import sqlalchemy as sa

from grip.store import callbacks
from grip.tasks.callbacks.delivery import AT_ONCE, PER_HOST
from grip.tasks.callbacks.verdicts import SCHEDULE_S
from grip.transport.guarded import GuardedClient, Headers
from grip.transport.port import Reply, TransportFault
from tests.callbacks.conftest import OK, URL, Post, Receiver, answered, deliver
from tests.conftest import FakeClock

DAY_S = 86_400
WRITES = re.compile(r'(?<!FOR )\b(?:INSERT INTO|UPDATE|DELETE FROM) "?(\w+)')


class Gate:
    """A receiver that answers when it is let to, and knows who waits."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.most: dict[str, int] = {}
        self.opened = asyncio.Event()
        self._changed = asyncio.Condition()

    async def post(self, url: str, *, headers: Headers, body: bytes, deadline_s: float) -> Reply:
        """Wait."""
        host = url.split("/")[2]
        async with self._changed:
            self.waiting.append(host)
            self.most[host] = max(self.most.get(host, 0), self.waiting.count(host))
            self._changed.notify_all()
        await self.opened.wait()
        self.waiting.remove(host)
        return OK

    async def reach(self, count: int) -> None:
        """Wait until so many wait."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.waiting) >= count)


async def test_a_callback_is_sent_as_it_was_written_and_is_over(post: Post, clock: FakeClock):
    """Signed, with its id and the time of the attempt; the row says how it went."""
    callback_id = await post.enqueue()
    clock.advance(3)
    receiver = Receiver()
    worker = post.worker(receiver)
    await deliver(worker)
    await deliver(worker)
    (sent,) = receiver.sent
    row = await post.get(callback_id)
    (attempt,) = await post.history(callback_id)

    assert sent.url == URL
    assert sent.body.startswith(b'{"type":"task.completed","timestamp":"2027-')
    assert sent.headers["webhook-id"] == callback_id
    assert sent.headers["webhook-timestamp"] == str(clock.now_us // 1_000_000)
    assert sent.headers["webhook-signature"].startswith("v1,")
    assert sent.headers["content-type"] == "application/json"
    assert (row.state, row.attempts, row.ended_us) == ("delivered", 1, clock.now_us)
    assert (attempt.outcome, attempt.status, attempt.reply) == ("delivered", 200, b"thanks")


async def test_a_task_that_ends_twice_has_one_callback(post: Post):
    """Report 36: the second one changes nothing, also after the first was delivered."""
    callback_id = await post.enqueue()
    receiver = Receiver()
    await deliver(post.worker(receiver))
    again = await post.enqueue(url="https://other.example.com/")
    other = await post.enqueue(event="task.failed")
    await deliver(post.worker(receiver))

    assert again == callback_id != other
    assert receiver.ids == [callback_id, other]
    assert (await post.get(callback_id)).url == URL


async def test_a_receiver_that_fails_for_28_hours_leaves_a_dead_letter(
    post: Post, clock: FakeClock
):
    """Report 38: eight attempts, when the schedule has them; a replay begins again."""
    callback_id = await post.enqueue()
    began_us = clock.now_us
    receiver = Receiver(
        answers=[
            answered(500),
            TransportFault("timeout", "late"),
            TransportFault("tls", "bad"),
            answered(302),
            answered(503),
        ]
    )
    worker = post.worker(receiver)
    times = []
    for wait_s in SCHEDULE_S:
        clock.advance(wait_s - 1)
        await deliver(worker)
        clock.advance(1)
        await deliver(worker)
        times.append((clock.now_us - began_us) // 1_000_000)
    clock.advance(DAY_S)
    await deliver(worker)
    row = await post.get(callback_id)
    outcomes = [(one.outcome, one.status) for one in await post.history(callback_id)]

    assert (row.state, row.reason, row.attempts) == ("dead", "exhausted", 8)
    assert times[-1] > 27 * 3600
    assert outcomes[:4] == [("status", 500), ("timeout", None), ("tls", None), ("status", 302)]
    assert set(receiver.ids) == {callback_id}

    receiver.answers = [OK]
    async with post.database.write() as connection:
        assert await callbacks.replay(connection, callback_id, clock.now_us)
    await deliver(worker)

    assert (await post.get(callback_id)).state == "delivered"
    assert receiver.ids == [callback_id] * 9
    assert int(receiver.sent[-1].headers["webhook-timestamp"]) == clock.now_us // 1_000_000


async def test_a_redirect_is_a_recorded_failure(post: Post):
    """Report 37."""
    callback_id = await post.enqueue()
    await deliver(post.worker(Receiver(answers=[answered(301, location="https://x.example/")])))
    (attempt,) = await post.history(callback_id)

    assert (attempt.outcome, attempt.status) == ("status", 301)
    assert attempt.detail == "the receiver answered 301"
    assert (await post.get(callback_id)).state == "pending"


async def test_gone_ends_it_at_the_first_attempt(post: Post):
    """410: the receiver wants no more."""
    callback_id = await post.enqueue()
    await deliver(post.worker(Receiver(answers=[answered(410)])))
    row = await post.get(callback_id)

    assert (row.state, row.reason, row.attempts) == ("dead", "gone", 1)


async def test_a_name_that_leads_elsewhere_later_is_dead_at_once(post: Post):
    """Report 31: public when the task was made, private when the callback is sent."""
    asked = []

    async def rebound(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    callback_id = await post.enqueue()
    await deliver(post.worker(GuardedClient(resolve=rebound)))
    row = await post.get(callback_id)
    (attempt,) = await post.history(callback_id)

    assert asked == [("hooks.example.com", 443)]
    assert (row.state, row.reason, attempt.outcome) == ("dead", "refused", "refused")


async def test_a_url_that_is_no_longer_allowed_is_dead_without_a_request(post: Post):
    """The rules are asked again at each attempt: a port or a place may have been taken back."""
    receiver = Receiver()
    callback_id = await post.enqueue(url="http://127.0.0.1:8080/")
    await deliver(post.worker(receiver))

    assert (await post.get(callback_id)).reason == "refused"
    assert receiver.sent == []


async def test_a_name_that_is_not_there_is_tried_again(post: Post, clock: FakeClock):
    """DNS fails for minutes, and comes back."""
    callback_id = await post.enqueue()
    receiver = Receiver(answers=[TransportFault("dns", "no such name"), OK])
    await deliver(post.worker(receiver))
    first = await post.get(callback_id)
    clock.advance(5)
    await deliver(post.worker(receiver))

    assert (first.state, first.due_us) == ("pending", clock.now_us)
    assert (await post.get(callback_id)).state == "delivered"


async def test_fewer_attempts_by_configuration(post: Post):
    """[callbacks] max_attempts."""
    callback_id = await post.enqueue()
    await deliver(post.worker(Receiver(answers=[answered(500)]), max_attempts=1))

    assert (await post.get(callback_id)).reason == "exhausted"


async def test_a_worker_that_dies_leaves_its_callback_to_others(post: Post, clock: FakeClock):
    """Report 35: after its lease, delivered again under the same id; the row says why."""
    callback_id = await post.enqueue()
    gate = Gate()
    dying = post.worker(gate)
    await dying.run()
    await gate.reach(1)
    receiver = Receiver()
    other = post.worker(receiver, owner="two")
    await deliver(other)
    before = list(receiver.ids)
    clock.advance(46)
    await deliver(other)
    row = await post.get(callback_id)

    assert (before, receiver.ids) == ([], [callback_id])
    assert [one.outcome for one in await post.history(callback_id)] == ["interrupted", "delivered"]
    assert (row.state, row.attempts) == ("delivered", 2)

    gate.opened.set()
    await dying.settle()
    assert await post.get(callback_id) == row


async def test_a_late_worker_cannot_undo_what_another_wrote(post: Post, clock: FakeClock):
    """The fencing number: its failure comes after the other's lease, and matches nothing."""
    callback_id = await post.enqueue()
    gate = Gate()
    late = post.worker(gate)
    await late.run()
    await gate.reach(1)
    clock.advance(46)
    await deliver(post.worker(Receiver(answers=[answered(500)]), owner="two"))
    gate.opened.set()
    await late.settle()
    row = await post.get(callback_id)

    assert (row.state, row.attempts) == ("pending", 2)
    assert [one.outcome for one in await post.history(callback_id)] == ["interrupted", "status"]


async def test_a_callback_that_kills_its_workers_comes_to_an_end(post: Post, clock: FakeClock):
    """An attempt is counted when it begins."""
    callback_id = await post.enqueue()
    gate = Gate()
    dying = [post.worker(gate, max_attempts=3) for _ in range(3)]
    for count, worker in enumerate(dying, start=1):
        await worker.run()
        await gate.reach(count)
        clock.advance(46)
    receiver = Receiver()
    await deliver(post.worker(receiver, max_attempts=3))
    row = await post.get(callback_id)

    assert receiver.sent == []
    assert (row.state, row.reason, row.attempts) == ("dead", "exhausted", 3)
    assert {one.outcome for one in await post.history(callback_id)} == {"interrupted"}
    gate.opened.set()
    await asyncio.gather(*(worker.settle() for worker in dying))


async def test_one_host_has_no_more_than_its_share(post: Post):
    """A slow receiver holds two of the places, and others are served beside it."""
    for number in range(6):
        await post.enqueue(f"task_slow_{number}", url="https://slow.example.com/")
        await post.enqueue(f"task_{number}", url=f"https://hooks{number}.example.com/")
    gate = Gate()
    worker = post.worker(gate)
    await worker.run()
    await gate.reach(8)
    await worker.run()

    assert gate.waiting.count("slow.example.com") == PER_HOST
    gate.opened.set()
    await worker.settle()
    assert gate.most["slow.example.com"] == PER_HOST
    async with post.database.read() as connection:
        found = await callbacks.load(connection, state="delivered")
    assert len(found) == 12


async def test_no_more_are_sent_at_once_than_there_are_places(post: Post):
    """What ends makes room for the next, until nothing is due."""
    for number in range(AT_ONCE + 5):
        await post.enqueue(f"task_{number}", url=f"https://hooks{number}.example.com/")
    gate = Gate()
    worker = post.worker(gate)
    await worker.run()
    await gate.reach(AT_ONCE)
    await worker.run()

    assert len(gate.waiting) == AT_ONCE
    gate.opened.set()
    await worker.settle()
    async with post.database.read() as connection:
        assert len(await callbacks.load(connection, state="delivered")) == AT_ONCE + 5


async def test_a_worker_that_stops_ends_what_it_began_and_begins_nothing(post: Post):
    """What is left is for those who go on."""
    for number in range(AT_ONCE + 1):
        await post.enqueue(f"task_{number}", url=f"https://hooks{number}.example.com/")
    gate = Gate()
    worker = post.worker(gate)
    await worker.run()
    await gate.reach(AT_ONCE)
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    gate.opened.set()
    await stopping
    await worker.run()
    async with post.database.read() as connection:
        states = [one.state for one in await callbacks.load(connection)]

    assert (states.count("delivered"), states.count("pending")) == (AT_ONCE, 1)


async def test_workers_beside_each_other_share_what_is_due(post: Post):
    """Each callback is delivered by one of them."""
    ids = [
        await post.enqueue(f"task_{number}", url=f"https://hooks{number}.example.com/")
        for number in range(40)
    ]
    receivers = [Receiver() for _ in range(4)]
    workers = [post.worker(one, owner=str(at)) for at, one in enumerate(receivers)]
    await asyncio.gather(*map(deliver, workers))
    await deliver(workers[0])  # what another had locked at that moment

    assert sorted(one for receiver in receivers for one in receiver.ids) == sorted(ids)


async def test_only_a_kilobyte_of_an_answer_is_kept(post: Post):
    """For the operator."""
    callback_id = await post.enqueue()
    receiver = Receiver(answers=[answered(500, body=b"\xff\0" + b"x" * 4000)])
    await deliver(post.worker(receiver))
    (attempt,) = await post.history(callback_id)

    assert attempt.reply == b"\xff\0" + b"x" * 1022


async def test_nothing_is_written_but_callbacks(post: Post, clock: FakeClock):
    """Reports 34 and 38: no receiver, whatever it does, reaches a task, a wallet or the journal."""
    written: set[str] = set()

    def note(_: object, __: object, statement: str, *___: object) -> None:
        written.update(WRITES.findall(statement))

    sa.event.listen(post.database.engine.sync_engine, "before_cursor_execute", note)
    receiver = Receiver(answers=[answered(500), TransportFault("tls", "bad"), answered(410)])
    worker = post.worker(receiver)
    await post.enqueue()
    for _ in range(3):
        await deliver(worker)
        clock.advance(DAY_S)

    assert written == {"callback", "callback_attempt", "callback_secret"}
