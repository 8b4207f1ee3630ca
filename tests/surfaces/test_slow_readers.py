"""Whole answers to clients that do not read them."""

import asyncio
from typing import Any

import pytest

from grip.web import response

PIECE = 256 * 1024


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 5 * PIECE])
async def test_an_answer_is_sent_whole(size: int):
    """In pieces where it is large; its length is said before."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    await response.respond(send, 200, [], body)

    assert sent[0]["headers"] == [(b"content-length", b"%d" % size)]
    assert b"".join(message["body"] for message in sent[1:]) == body
    assert [message["more_body"] for message in sent[1:]] == [True] * (len(sent) - 2) + [False]


@pytest.mark.parametrize("taken", [0, 1, 2, 5])
async def test_a_client_that_does_not_read_is_given_up(taken: int, monkeypatch: pytest.MonkeyPatch):
    """After as long as a stream waits for one; nothing more is sent."""
    monkeypatch.setattr(response, "_SEND_TIMEOUT_S", 0.02)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        if len(sent) == taken:
            await asyncio.Event().wait()
        sent.append(message)

    await response.respond(send, 200, [], b"x" * (10 * PIECE))

    assert len(sent) == taken
