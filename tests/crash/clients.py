"""Clients that keep a log of their own: what each of them saw, and whether it saw it in full."""

import http.client
import json
import queue
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.house import HELLO
from tests.e2e.scripts import DONE

_WAIT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call as its client means it; with a `key`, it may be asked again."""

    url: str
    secret: str
    model: str
    stream: bool = False
    key: str | None = None
    limits: tuple[tuple[str, int], ...] = (("max_tokens", 50),)

    @property
    def body(self) -> bytes:
        """The bytes to send, the same each time."""
        asked: dict[str, Any] = {"model": self.model, "messages": HELLO, "stream": self.stream}
        return json.dumps(asked | dict(self.limits)).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came back: `request_id` where a head did, `in_full` where the end of the answer did."""

    ask: Ask
    status: int | None = None
    request_id: str | None = None
    body: bytes = b""
    in_full: bool = False

    @property
    def code(self) -> str | None:
        """The code of the error that was answered."""
        is_error = self.status is not None and self.status >= 400
        return json.loads(self.body)["error"]["code"] if is_error else None


def call(ask: Ask) -> Seen:
    """Make one call on a connection of its own."""
    address = urlsplit(ask.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_WAIT_S)
    headers = {"authorization": f"Bearer {ask.secret}", "content-type": "application/json"}
    if ask.key is not None:
        headers["idempotency-key"] = ask.key
    status = request_id = None
    try:
        connection.request("POST", "/v1/chat/completions", ask.body, headers)
        answer = connection.getresponse()
        status, request_id = answer.status, answer.headers["x-grip-request-id"]
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return Seen(ask=ask, status=status, request_id=request_id)
    finally:
        connection.close()
    in_full = status == 200 and (not ask.stream or body.endswith(DONE))
    return Seen(ask=ask, status=status, request_id=request_id, body=body, in_full=in_full)


class Crowd:
    """Many clients at the same time; `log` is what they saw, in the order in which it ended.

    `broke` is set when an answer did not come, or not to its end.
    """

    def __init__(self, size: int) -> None:
        self.log: list[Seen] = []
        self.broke = threading.Event()
        self._ended: queue.Queue[Seen] = queue.Queue()
        self._pool = ThreadPoolExecutor(size)
        self._calls: list[Any] = []

    def send(self, asks: Iterable[Ask]) -> None:
        """Make these calls, all at once."""
        self._calls += [self._pool.submit(self._call, ask) for ask in asks]

    def wait(self) -> list[Seen]:
        """Wait until all of them have ended, in whatever way; return what these saw."""
        ended = [call.result() for call in self._calls]
        self._calls.clear()
        return ended

    def next(self) -> Seen:
        """Wait for the next call to end, and return what it saw."""
        return self._ended.get(timeout=_WAIT_S)

    def close(self) -> None:
        """Let the clients go."""
        self._pool.shutdown()

    def _call(self, ask: Ask) -> Seen:
        seen = call(ask)
        self.log.append(seen)
        self._ended.put(seen)
        if not seen.in_full:
            self.broke.set()
        return seen
