"""A receiver on loopback that verifies with the library of Standard Webhooks, as a tenant does.

Reports, by the numbers of the survey of other gateways: 35 (redelivered under the same id), 38
(failures do no harm), 39 (answers that never end).
"""

import random

import pytest
from standardwebhooks import WebhookVerificationError

from grip.clock import system_clock
from grip.services import callback_secrets, callbacks
from tests.callbacks.conftest import Post, deliver, verified
from tests.conftest import FakeClock
from tests.transport.strangers import Play, answers, endless, in_turn, stalls, stranger

OK = "HTTP/1.1 200 OK\ncontent-length: 0"
FAILED = "HTTP/1.1 503 Later\ncontent-length: 0"


@pytest.fixture
def clock() -> FakeClock:
    """A clock at the time of the machine, since the library compares with that."""
    return FakeClock(system_clock())


async def secret_of(post: Post, *, rotate: bool = False) -> str:
    """Make a secret for the wallet, as the operator does."""
    made = await callback_secrets.create(post.context, post.wallet_id, actor="test", rotate=rotate)
    return made.secret


async def test_a_receiver_verifies_through_failures_restarts_and_replays(
    post: Post, clock: FakeClock
):
    """Reports 35 and 38: one id and one body, whatever happens on the way."""
    secret = await secret_of(post)
    async with stranger(in_turn(answers(FAILED), answers(""), answers(OK))) as server:
        callback_id = await post.enqueue(url=server.url)
        first = post.worker(allow=[server.place])
        await deliver(first)
        await first.stop()
        clock.advance(5)
        second = post.worker(allow=[server.place], owner="two")
        await deliver(second)
        clock.advance(4 * 60)
        await deliver(second)
        assert (await post.get(callback_id)).state == "pending"
        await callbacks.replay(post.context, [callback_id], actor="ana")
        await deliver(second)
        assert (await post.get(callback_id)).state == "delivered"
        await callbacks.replay(post.context, [callback_id], actor="ana")
        await deliver(second)

    assert len(server.requests) == 4
    assert {verified(secret, one) for one in server.requests} == {(callback_id, "task_1")}
    assert (await post.get(callback_id)).attempts == 4


async def test_both_secrets_verify_while_one_is_rotated(post: Post, clock: FakeClock):
    """For a day; then the new one alone."""
    old = await secret_of(post)
    new = await secret_of(post, rotate=True)
    async with stranger(answers(OK)) as server:
        worker = post.worker(allow=[server.place])
        await post.enqueue("task_1", url=server.url)
        await deliver(worker)
        clock.advance(callback_secrets.OVERLAP_S)
        await post.enqueue("task_2", url=server.url)
        await deliver(worker)

    both, later = server.requests
    assert verified(old, both) == verified(new, both)
    assert b"webhook-signature: v1," in later
    assert both.count(b"v1,") == 2
    assert later.count(b"v1,") == 1


async def test_nothing_is_sent_unsigned(post: Post):
    """A wallet without a secret has one that nobody knows, until the operator shows one."""
    async with stranger(answers(OK)) as server:
        worker = post.worker(allow=[server.place])
        await post.enqueue("task_1", url=server.url)
        await deliver(worker)
        secret = await secret_of(post)
        await post.enqueue("task_2", url=server.url)
        await deliver(worker)

    unknown, known = server.requests
    assert b"webhook-signature: v1," in unknown
    with pytest.raises(WebhookVerificationError):
        verified(secret, unknown)
    assert verified(secret, known)[1] == "task_2"


@pytest.mark.parametrize(
    "play",
    [
        stalls("HTTP/1.1 200 OK\ncontent-"),
        stalls("HTTP/1.1 200 OK\n\n"),
        stalls(""),
        endless("HTTP/1.1 200 OK", b"x-more: 1\r\n"),
    ],
    ids=["in the head", "in the body", "at once", "headers"],
)
async def test_an_answer_that_does_not_end_is_a_failed_attempt(post: Post, play: Play):
    """Report 39: at the deadline, or where the head is too large."""
    async with stranger(play) as server:
        callback_id = await post.enqueue(url=server.url)
        await deliver(post.worker(allow=[server.place], timeout_s=0.2))
    (attempt,) = await post.history(callback_id)

    assert attempt.outcome in {"timeout", "too_large"}
    assert (await post.get(callback_id)).state == "pending"


async def test_a_gigabyte_of_thanks_is_a_success(post: Post):
    """Report 39: the status says it all, and a kilobyte of the rest is kept."""
    head = "HTTP/1.1 200 OK\ncontent-length: 1000000000\n"
    async with stranger(endless(head, b"x" * 65536)) as server:
        callback_id = await post.enqueue(url=server.url)
        await deliver(post.worker(allow=[server.place]))
    (attempt,) = await post.history(callback_id)

    assert (attempt.outcome, attempt.reply) == ("delivered", b"x" * 1024)


async def test_workers_that_are_killed_at_random_lose_nothing(post: Post, clock: FakeClock):
    """Report 35: whatever they were at, each callback arrives, under its own id."""
    secret = await secret_of(post)
    chance = random.Random(5)  # noqa: S311 - the same each time
    async with stranger(answers(OK)) as server:
        ids = [await post.enqueue(f"task_{number}", url=server.url) for number in range(12)]
        for turn in range(6):
            worker = post.worker(allow=[server.place], owner=str(turn))
            await worker.run()
            for work in list(worker._running):
                if chance.random() < 0.5:
                    work.cancel()
            await worker.settle()
            clock.advance(46)
        await deliver(post.worker(allow=[server.place]))

    assert {verified(secret, one)[0] for one in server.requests} == set(ids)
    for callback_id in ids:
        assert (await post.get(callback_id)).state == "delivered"
