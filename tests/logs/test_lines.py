"""Lines of the log stay whole, although several workers write to one standard error."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from grip import logs
from grip.settings import Log


class _Stream:
    """A standard error that notes every write; each of them is a system call of its own."""

    def __init__(self) -> None:
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)

    def flush(self) -> None:
        """Keep nothing back."""

    def isatty(self) -> bool:
        return False


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Stream]:
    """The standard error of a process whose log was configured, undone afterwards."""
    stream, root = _Stream(), logging.getLogger()
    before = root.handlers, root.level
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure(Log())
    yield stream
    structlog.reset_defaults()
    root.handlers, level = before
    root.setLevel(level)


def test_a_line_is_written_at_once(stream: _Stream):
    """Its end included: what another worker writes comes before it or after it."""
    structlog.get_logger().warning("call.orphaned", request_id="req_1")
    logging.getLogger("library").warning("of another kind")

    assert [text.count("\n") for text in stream.writes] == [1, 1]
    assert all(text.endswith("\n") for text in stream.writes)
    assert [json.loads(text)["event"] for text in stream.writes] == [
        "call.orphaned",
        "of another kind",
    ]


async def test_what_a_request_leads_to_is_logged_with_its_id(stream: _Stream):
    """In its own task and in those that it begins; the next request has another."""

    async def later() -> None:
        structlog.get_logger().warning("later")

    async def request(name: str) -> None:
        logs.of_request(name)
        structlog.get_logger().warning("now")
        await asyncio.create_task(later())

    await asyncio.gather(request("req_1"), request("req_2"))
    structlog.get_logger().warning("nobody's")

    told = [json.loads(text) for text in stream.writes]
    assert sorted((one["event"], one.get("request_id")) for one in told[:-1]) == [
        ("later", "req_1"),
        ("later", "req_2"),
        ("now", "req_1"),
        ("now", "req_2"),
    ]
    assert "request_id" not in told[-1]
