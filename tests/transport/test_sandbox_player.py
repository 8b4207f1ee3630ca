"""The sandbox as a transport: it fails as a network would."""

import json
from typing import Any

import pytest

from grip.providers.port import UpstreamRequest
from grip.providers.sandbox import SCHEME
from grip.transport.network import Network
from grip.transport.port import Timeouts, TransportFault

QUICK = Timeouts(connect_s=0.01, first_byte_s=0.01, chunk_s=0.01, total_s=1)


def _request(model: str, **members: Any) -> UpstreamRequest:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **members}
    return UpstreamRequest(
        method="POST",
        url=f"{SCHEME}/chat/completions",
        headers=(),
        body=json.dumps(body).encode(),
    )


@pytest.mark.parametrize(
    ("fail", "reason"), [("connect", "connect"), ("close", "closed"), ("stall", "timeout")]
)
async def test_it_breaks_as_it_is_told(fail: str, reason: str):
    """With the reasons of the network, whole and streamed."""
    network = Network()
    with pytest.raises(TransportFault) as whole:
        await network.send(_request(f"m?fail={fail}"), QUICK)
    with pytest.raises(TransportFault) as streamed:
        async with network.open(_request(f"m?fail={fail}", stream=True), QUICK):
            raise AssertionError("there is no answer")

    assert (whole.value.reason, streamed.value.reason) == (reason, reason)


async def test_an_answer_later_than_the_first_byte_may_be_is_a_timeout():
    """As long as it would have taken."""
    with pytest.raises(TransportFault, match="timeout"):
        await Network().send(_request("m?delay_s=5"), QUICK)


async def test_a_gap_longer_than_between_chunks_may_be_is_a_timeout():
    """In mid-stream."""
    async with Network().open(_request("m?chunk_delay_s=5", stream=True), QUICK) as reply:
        with pytest.raises(TransportFault, match="timeout"):
            await reply.read_all()


async def test_it_answers_whole_and_in_chunks():
    """The same words."""
    network = Network()
    whole = await network.send(_request("m"), QUICK)
    async with network.open(_request("m", stream=True), QUICK) as reply:
        streamed = await reply.read_all()

    assert (whole.status, whole.headers["content-type"]) == (200, "application/json")
    assert reply.headers["content-type"] == "text/event-stream"
    assert streamed.endswith(b"data: [DONE]\n\n")
    await network.close()
