"""What becomes of a feature on its way to a kind of channel: tried, not believed.

A refusal counts as one only where no upstream was called and nothing was held or charged.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.compat.callers import Callers, Told
from tests.compat.messages_rows import COUNT_TOKENS
from tests.compat.rows import Row, Surface
from tests.compat.shop import Recorded, name
from tests.e2e.house import House
from tests.e2e.upstream import Door

AS_IS = "as is"
TRANSLATED = "translated"
LEFT_OUT = "left out"
NOT_TOLD = "not told"
REFUSED = "refused"
NOT_OFFERED = "-"
ESTIMATED = "estimated"
PLAYED = "played"
PASSED_ON = "passed on"

_COST = re.compile(rb',"cost_nano":\d+')
_OTHER_ROUTE = "is not served on /v1"
_OTHER_TYPE = "no channel serves this model at the moment"
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One word for a cell, and the sentence of a refusal."""

    word: str
    why: str = ""


class Tryer:
    """Tries features in one house."""

    def __init__(self, house: House, callers: Callers, doors: Mapping[str, Door]) -> None:
        self._house = house
        self._callers = callers
        self._doors = doors
        self._money = self._read_money()

    def see(self, surface: Surface, row: Row, kind: str) -> Seen:
        """Ask for the feature once, and return what came of it."""
        door = self._doors.get(kind)
        knocked = len(door.requests) if door else 0
        told = self._callers.call(surface, row, name(kind, surface.type))
        is_asked = door is not None and len(door.requests) > knocked
        is_paid = self._has_paid()
        if told.error is not None and not is_asked:
            assert not is_paid
            return _refusal(told)
        assert is_paid == (told.error is None and surface is not COUNT_TOKENS)
        if door is not None and is_asked:
            return Seen(word=_passage(row, kind, told, door))
        assert told.answer, told
        return Seen(word=ESTIMATED if surface is COUNT_TOKENS else PLAYED)

    def _has_paid(self) -> bool:
        """Return whether anything was charged since the last call; nothing may be held."""
        before, self._money = self._money, self._read_money()
        return self._money != before

    def _read_money(self) -> tuple[int, int]:
        wallet = self._house.wallet(self._callers.customer)
        assert (wallet.held, wallet.debt) == (0, 0)
        return wallet.balance, wallet.carry_nano


def _refusal(told: Told) -> Seen:
    """Return the refusal of a request that no upstream has seen; it names what it refuses."""
    message = told.error["message"]
    if _OTHER_ROUTE in message or message == _OTHER_TYPE:
        return Seen(word=NOT_OFFERED)
    assert told.status == _BAD_REQUEST, told.error
    assert told.error.get("param"), told.error
    return Seen(word=REFUSED, why=message)


def _passage(row: Row, kind: str, told: Told, door: Door) -> str:
    """Return how a call went that reached the upstream."""
    assert isinstance(door.script, Recorded)
    assert (told.error is not None) == row.fails, told.error
    asked, said = door.requests[-1].body, _body(door.script.said)
    if not row.sees(told.error if row.fails else told.answer):
        return NOT_TOLD
    if row.fails:
        return PASSED_ON
    if _is_same_request(row, told.sent, asked) and _uncounted(told.received) == _heard(row, said):
        return AS_IS
    text = asked.decode()
    return TRANSLATED if all(mark in text for mark in row.marks_on(kind)) else LEFT_OUT


def _is_same_request(row: Row, sent: bytes, asked: bytes) -> bool:
    """Return whether a request went on as it was; a stream is asked for its usage too."""
    if sent == asked:
        return True
    given, changed = json.loads(sent), json.loads(asked)
    return row.streams and changed.pop("stream_options", None) is not None and given == changed


def _uncounted(received: bytes) -> bytes:
    """Return an answer without the cost, which is grip's own."""
    return _COST.sub(b"", received)


def _heard(row: Row, said: bytes) -> bytes:
    """Return an answer without the count that only grip has asked for."""
    if not row.streams or "stream_options" in row.asks:
        return said
    events = said.split(b"\n\n")
    return b"\n\n".join(event for event in events if b'"choices": [], "usage"' not in event)


def _body(answer: bytes) -> bytes:
    """Return the body of an HTTP answer, its chunks put together."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        found, body = found + rest[:length], rest[length + 2 :]
    return found
