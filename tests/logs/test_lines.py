"""Lines of the log stay whole, although several workers write to one standard error."""

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
