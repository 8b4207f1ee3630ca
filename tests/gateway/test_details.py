"""Details are written beside the calls, in bounds, and lost rather than waited for."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from grip import errors
from grip.gateway import details
from grip.gateway.call import Call, Measured, Route, Ticket
from grip.gateway.details import ContentTerms, Details, Seen
from grip.money.entries import Admitted
from grip.money.pricing import Usage
from grip.providers.json_object import JsonObject
from grip.providers.port import Answer, Report
from grip.store.aside import Aside
from grip.store.detail_writers import DetailRow, RouteRow
from grip.store.records import Catalog
from grip.store.traces import read_route, read_trace
from tests.conftest import FakeClock

ANSWER = Answer(body=b'{"said":"hello"}', report=Report(), text="hello", upstream_id="up_1")
MEASURED = Measured(usage=Usage(), estimated=False, cost_nano=7, buy_cost_nano=None)


class Shelf:
    """Where details go; `away` is what stands in the way."""

    def __init__(self) -> None:
        self.rows: list[DetailRow] = []
        self.routes: list[RouteRow] = []
        self.batches: list[int] = []
        self.away: Exception | None = None
        self.hangs = False
        self.is_closed = False

    async def write(self, rows: list[DetailRow], routes: list[RouteRow]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away is not None:
            raise self.away
        self.rows += rows
        self.routes += routes
        self.batches.append(len(rows))

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


Open = Callable[..., Details]


@pytest.fixture
def opened(shelf: Shelf, clock: FakeClock) -> Open:
    """Make details that go to the shelf, when the test says so."""

    def make(**terms: Any) -> Details:
        return Details(shelf, Aside("details"), clock, ContentTerms(**terms))

    return make


@pytest.fixture
def ticket(plan, caller, model, channel) -> Callable[..., Ticket]:
    """Make the ticket of a call that was admitted, of a caller with these scopes."""
    from grip.gateway.call import Reach  # noqa: PLC0415 - used here alone

    def make(**who: Any) -> Ticket:
        holder = caller(**who)
        chosen = model()
        route = Route(
            catalog=Catalog(version=7, models={"gpt": chosen}, channels=(channel("a"),)),
            caller=holder,
            model=chosen,
            reach=Reach(kinds={"sandbox"}, attempts=3),
        )
        return Ticket(
            plan=plan(chosen, caller=holder, route=route),
            admitted=Admitted(admitted_us=1, requests=None, tokens=None),
            held_nano=9,
            held_tokens=8,
        )

    return make


def _call(call, number: int = 1, body: bytes = b'{"model":"gpt"}') -> Call:
    made: Call = call(request_id=f"req_{number}", body=JsonObject(body))
    return made


async def _written(made: Details) -> None:
    made.start()
    await made.stop()


async def test_a_stop_writes_what_waits(opened: Open, shelf: Shelf, call, ticket):
    """In slices, each a transaction; and lets go of the database."""
    made = opened()
    for number in range(100):
        made.completed(_call(call, number), ticket(), ANSWER, MEASURED)
    await _written(made)

    assert [row.request_id for row in shelf.rows] == [f"req_{number}" for number in range(100)]
    assert shelf.batches == [64, 36]
    assert shelf.is_closed


async def test_a_record_tells_of_its_call_and_names_its_route_once(
    opened: Open, shelf: Shelf, call, ticket
):
    """Calls of one route refer to one row; what is in it was not made for each of them."""
    made, one = opened(), ticket()
    for number in range(3):
        made.completed(_call(call, number), one, ANSWER, MEASURED)
    await _written(made)
    (route,) = shelf.routes
    row = shelf.rows[0]
    trace = read_trace(row.trace)

    assert {row.route_id for row in shelf.rows} == {route.id}
    assert [channel.name for channel in read_route(route.told).models[0].channels] == ["a"]
    assert (trace.outcome, trace.model, trace.upstream_id) == ("completed", "gpt", "up_1")
    assert (row.request, row.response) == (b'{"model":"gpt"}', ANSWER.body)
    assert (row.wallet_id, row.key_id) == ("wal_1", "key_1")


@pytest.mark.parametrize(
    "chosen",
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
async def test_content_is_kept_as_the_key_says_else_as_configured(
    opened: Open,
    shelf: Shelf,
    call,
    ticket,
    chosen: tuple[bool | None, bool, bool],
):
    """The rest of the detail is kept either way."""
    scope, logging, kept = chosen
    made = opened(logging=logging)
    made.completed(_call(call), ticket(content_logging=scope), ANSWER, MEASURED)
    await _written(made)
    (row,) = shelf.rows

    assert (row.request is not None, row.response is not None) == (kept, kept)
    assert read_trace(row.trace).key.logs_content is kept


async def test_a_full_queue_drops_and_says_how_many(
    monkeypatch, opened: Open, shelf: Shelf, call, ticket
):
    """By their number; the call that brings one does not notice."""
    monkeypatch.setattr(details, "MAX_ROWS", 10)
    made = opened()
    for number in range(15):
        made.completed(_call(call, number), ticket(), ANSWER, MEASURED)
    with capture_logs() as logs:
        await _written(made)

    assert len(shelf.rows) == 10
    assert [(line["event"], line["dropped"]) for line in logs] == [("details.lost", 5)]


async def test_what_is_dropped_is_told_at_times_though_nothing_is_written(
    monkeypatch, opened: Open, call, ticket
):
    """Once in an interval with its count, and not once for each call."""
    monkeypatch.setattr(details, "MAX_ROWS", 0)
    made = opened()
    with capture_logs() as logs:
        for number in range(3):
            made.completed(_call(call, number), ticket(), ANSWER, MEASURED)
        monkeypatch.setattr(details, "TELL_EVERY_S", 0)
        made.completed(_call(call), ticket(), ANSWER, MEASURED)

    assert [(line["event"], line["dropped"]) for line in logs] == [("details.lost", 4)]


async def test_a_queue_is_full_of_bytes_as_well(
    monkeypatch, opened: Open, shelf: Shelf, call, ticket
):
    """A body counts whether its content is logged or not: it is kept in memory until then."""
    monkeypatch.setattr(details, "MAX_BYTES", 100_000)
    made = opened(logging=False)
    body = b'{"data":"%b"}' % (b"x" * 30_000)
    for number in range(5):
        made.completed(_call(call, number, body), ticket(), ANSWER, MEASURED)
    await _written(made)

    assert len(shelf.rows) == 3


async def test_refusals_have_half_of_the_room(
    monkeypatch, opened: Open, shelf: Shelf, call, ticket
):
    """Whoever hammers at a limit displaces nobody's detail."""
    monkeypatch.setattr(details, "MAX_ROWS", 10)
    made, one = opened(), ticket()
    refusal = errors.RateLimitExceeded("too many", metadata={"limit": "key_rpm"})
    for number in range(20):
        made.refused(_call(call, number), Seen(caller=one.plan.caller, plan=one.plan), refusal)
    for number in range(20, 24):
        made.completed(_call(call, number), one, ANSWER, MEASURED)
    await _written(made)
    outcomes = [read_trace(row.trace).outcome for row in shelf.rows]

    assert (outcomes.count("refused"), outcomes.count("completed")) == (5, 4)
    assert all(row.request is None for row in shelf.rows[:5])


async def test_a_stranger_leaves_no_detail(opened: Open, shelf: Shelf, call):
    """There is no wallet that it would be of."""
    made = opened()
    made.refused(_call(call), Seen(), errors.InvalidApiKey("who?"))
    await _written(made)

    assert shelf.rows == []


async def test_a_database_that_is_away_loses_details_and_is_told_of_once(
    opened: Open, shelf: Shelf, call, ticket
):
    """They are not tried again; those after it are written once it is back."""
    made = opened()
    shelf.away = errors.DatabaseUnavailable("away", detail="no such host")
    for number in range(3):
        made.completed(_call(call, number), ticket(), ANSWER, MEASURED)
    with capture_logs() as logs:
        await made._write_all()
        made._tell()
        shelf.away = None
        made.completed(_call(call, 9), ticket(), ANSWER, MEASURED)
        await _written(made)

    assert [row.request_id for row in shelf.rows] == ["req_9"]
    assert [(line["unwritten"], line["error"]) for line in logs] == [(3, "no such host")]


async def test_a_record_that_cannot_be_written_takes_no_other_along(
    opened: Open, shelf: Shelf, call, ticket
):
    """It is lost alone, and logged as the defect that it is."""
    made = opened()
    for number in range(3):
        made.completed(_call(call, number), ticket(), ANSWER, MEASURED)
    made._waiting[1].failure = object()  # type: ignore[assignment]
    with capture_logs() as logs:
        await _written(made)

    assert [row.request_id for row in shelf.rows] == ["req_0", "req_2"]
    assert [line["event"] for line in logs] == ["details.broken", "details.lost"]


async def test_a_stop_waits_in_bounds(monkeypatch, opened: Open, shelf: Shelf, call, ticket):
    """A database that hangs costs the details, and not the stop."""
    monkeypatch.setattr(details, "STOP_WITHIN_S", 0.05)
    made = opened()
    shelf.hangs = True
    made.completed(_call(call), ticket(), ANSWER, MEASURED)
    with capture_logs() as logs:
        await _written(made)

    assert [(line["event"], line["unwritten"]) for line in logs] == [("details.lost", 1)]


async def test_a_route_is_told_again_after_an_hour(
    opened: Open, shelf: Shelf, clock: FakeClock, call, ticket
):
    """So that whoever deletes old ones knows which are in use."""
    made, one = opened(), ticket()
    for wait_s in (0, 3_599, 2):
        clock.advance(wait_s)
        made.completed(_call(call), one, ANSWER, MEASURED)
        await made._write_all()
    await _written(made)

    assert [route.seen_us for route in shelf.routes] == [
        clock.now_us - 3_601_000_000,
        clock.now_us,
    ]


async def test_the_words_of_upstreams_are_bounded_and_redacted(
    opened: Open, shelf: Shelf, call, ticket
):
    """A page of HTML, or a number that the operator does not want to have."""
    made, one = opened(redact=(r"\d{16}",)), ticket()
    refused = errors.ServiceUnavailable("card 4111111111111111 " + "x" * 1_000)
    made.failed(_call(call), one, refused)
    await _written(made)
    failure = read_trace(shelf.rows[0].trace).failure

    assert failure is not None
    assert failure.message.startswith("card [redacted] xxx")
    assert len(failure.message) < 320


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (asyncio.CancelledError(), "service_unavailable", "the gateway was being stopped"),
        (ValueError("what a customer wrote"), "internal_error", "ValueError"),
    ],
)
async def test_a_call_that_nobody_foresaw_the_end_of_is_told_as_well(
    opened: Open, shelf: Shelf, call, ticket, *, error: BaseException, code: str, message: str
):
    """Without what a defect says: that may be anything, and the log has it."""
    made = opened()
    made.failed(_call(call), ticket(), error)
    await _written(made)
    trace = read_trace(shelf.rows[0].trace)

    assert trace.outcome == "failed"
    assert trace.failure is not None
    assert (trace.failure.code, trace.failure.message) == (code, message)
