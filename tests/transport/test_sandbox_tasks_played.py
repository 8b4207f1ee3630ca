"""The sandbox's tasks over a transport, in process and on loopback: the same wire, and counted."""

from collections.abc import Iterator

import pytest

from grip.providers.port import Target, UpstreamRequest
from grip.providers.sandbox import SandboxTasks
from grip.providers.task_port import Ambiguous, Found, Probed, Submitted
from grip.transport.network import Network
from grip.transport.port import Timeouts, TransportFault
from tests.providers.task_calls import seen, task
from tests.task_upstream import TaskUpstream, task_upstream

ADAPTER = SandboxTasks()
SOON = Timeouts(connect_s=5, first_byte_s=5, chunk_s=5, total_s=30)
AT_ONCE = Timeouts(connect_s=0.01, first_byte_s=0.01, chunk_s=0.01, total_s=1)


@pytest.fixture
def upstream() -> Iterator[TaskUpstream]:
    with task_upstream() as running:
        yield running


@pytest.fixture(params=["in process", "loopback"])
def target(request: pytest.FixtureRequest, upstream: TaskUpstream) -> Target:
    return Target(base_url="" if request.param == "in process" else upstream.url, secret=None)


async def _send(request: UpstreamRequest, timeouts: Timeouts = SOON) -> Probed:
    network = Network()
    try:
        reply = await network.send(request, timeouts)
    finally:
        await network.close()
    return Probed(status=reply.status, headers=reply.headers, body=reply.body)


async def test_a_task_is_submitted_looked_at_and_fetched(target: Target):
    """From its submission to its file."""
    call = task("video")
    told = await _send(ADAPTER.submit(call, target))
    taken = ADAPTER.submitted(call, told.status, told.headers, told.body)
    assert isinstance(taken, Submitted)
    running = task("video", upstream_id=taken.upstream_id)
    found = seen(ADAPTER.snapshot(running, target, await _send(ADAPTER.probe(running, target))))
    (artifact,) = found.results
    fetched = await _send(ADAPTER.fetch(artifact, target))

    assert fetched.body[4:8] == b"ftyp"
    assert fetched.headers["content-type"] == "video/mp4"


@pytest.mark.parametrize(("fail", "found"), [("lost", 1), ("close", 0)])
async def test_report_6_a_lost_answer_breaks_the_connection(target: Target, fail: str, found: int):
    """Whether anything was made of it, only a search can tell."""
    call = task("image", f"m?fail={fail}")
    with pytest.raises(TransportFault) as broken:
        await _send(ADAPTER.submit(call, target))
    search = ADAPTER.found(call, target, await _send(ADAPTER.find(call, target)))

    assert broken.value.reason == "closed"
    assert isinstance(search, Found)
    assert len(search.upstream_ids) == found


async def test_a_submission_that_is_never_answered_times_out(target: Target):
    """And was taken."""
    with pytest.raises(TransportFault) as broken:
        await _send(ADAPTER.submit(task("image", "m?fail=stall"), target), AT_ONCE)

    assert broken.value.reason == "timeout"


async def test_what_was_never_submitted_is_not_found(upstream: TaskUpstream):
    """By an upstream that remembers; each submission is counted by its task's mark."""
    target = Target(base_url=upstream.url, secret=None)
    call, other = task("image"), task("image", correlation_id="corr_2")
    before = ADAPTER.found(call, target, await _send(ADAPTER.find(call, target)))
    for _ in range(2):
        await _send(ADAPTER.submit(call, target))
    garbled = task("image", "m?fail=garbage", correlation_id="corr_3")
    told = await _send(ADAPTER.submit(garbled, target))
    after = ADAPTER.found(call, target, await _send(ADAPTER.find(call, target)))
    others = ADAPTER.found(other, target, await _send(ADAPTER.find(other, target)))

    assert before == others == Found(certain=True)
    assert isinstance(after, Found)
    assert len(after.upstream_ids) == 1
    assert upstream.posts == {"corr_1": 2, "corr_3": 1}
    assert isinstance(ADAPTER.submitted(garbled, 202, {}, told.body), Ambiguous)


async def test_two_gigabytes_are_not_kept_in_memory():
    """A whole answer has an end; who wants more reads it piece by piece."""
    call = task("image", "m?fail=huge_result")
    target = Target(base_url="", secret=None)
    told = await _send(ADAPTER.submit(call, target))
    taken = ADAPTER.submitted(call, told.status, told.headers, told.body)
    assert isinstance(taken, Submitted)
    running = task("image", "m?fail=huge_result", upstream_id=taken.upstream_id)
    found = seen(ADAPTER.snapshot(running, target, await _send(ADAPTER.probe(running, target))))
    with pytest.raises(TransportFault, match="larger than"):
        await _send(ADAPTER.fetch(found.results[0], target))
