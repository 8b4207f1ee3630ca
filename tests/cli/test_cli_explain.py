"""`grip explain` and `grip usage show --content`, on details that a gateway has written."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from grip.money.entries import Stood
from grip.money.pricing import Usage
from grip.store import detail_writers, traces
from grip.store.aside import Aside
from grip.store.detail_writers import DetailRow, RouteRow
from grip.store.engine import Database

KEY = traces.KeyTold(
    name="main",
    is_owner=True,
    tier="free",
    models=["gpt"],
    groups=None,
    logs_content=True,
)
FAILED = traces.AttemptTold(
    channel_id="ch_1",
    channel="one",
    kind="openai",
    model="gpt",
    upstream_model="gpt",
    begun_ms=1,
    took_ms=20,
    reason="status_500",
    detail="status_500: its trouble",
)
ROUTE = traces.RouteTold(
    attempts=3,
    models=[
        traces.ModelTold(
            model="gpt",
            price_id="price_1",
            channels=[
                traces.ChannelTold(
                    id=f"ch_{number}",
                    name=name,
                    kind="openai",
                    upstream_model="gpt",
                    priority=0,
                    weight=1,
                    why_not=why,
                )
                for number, name, why in (
                    (1, "one", []),
                    (2, "two", ["disabled", "route"]),
                    (3, "three", []),
                )
            ],
        ),
        traces.ModelTold(model="mini", why_not=["key_models"]),
    ],
)


def _trace(**facts: Any) -> traces.Trace:
    usual: dict[str, Any] = {
        "path": "/chat/completions",
        "model": "gpt",
        "ip": "192.0.2.1",
        "outcome": "failed",
        "is_stream": False,
        "latency_ms": 33,
        "first_byte_ms": 0,
        "catalog_version": 3,
        "upstream_id": None,
        "key": KEY,
        "purse": Stood(1_000, 9, 0, 500, None, 1, 2, 3, None, 0, 0, 0),
        "requests": traces.LimitTold(limit=3, remaining=2, reset_us=1_500_001),
        "tokens": None,
        "hold": traces.HoldTold(
            nano=8_000_000_001, grown_nano=0, input_tokens=5, input_bound=9, output_tokens=8
        ),
        "order": [
            traces.Tried(channel_id="ch_1", model="gpt"),
            traces.Tried(channel_id="ch_3", model="gpt"),
        ],
        "sick": [
            traces.Ailing(
                channel_id="ch_3",
                upstream_model="gpt",
                reason="timeout",
                since_us=0,
                until_us=10**15,
            )
        ],
        "attempts": [FAILED],
        "use": None,
        "failure": traces.Failure(
            code="service_unavailable", message="no channel completed it", facts={"tried": 1}
        ),
    }
    return traces.Trace(**{**usual, **facts})


async def _write(url: str, trace: traces.Trace) -> None:
    database, aside = Database(url), Aside("test")
    writer = detail_writers.writer(database, aside)
    content = (b'{"a":\n"\x1b[31m"}', 14, 0, b"said", 900, 1)
    row = DetailRow("req_1", 10**15, "wal_1", "key_1", "route_1", traces.written(trace), *content)
    await writer.write([row], [RouteRow("route_1", 1, traces.written(ROUTE))])
    await writer.write([row], [RouteRow("route_1", 2, traces.written(ROUTE))])
    await writer.close()
    aside.end()
    await database.close()


@pytest.fixture
def failed(grip, database_url: str) -> None:
    """A call that failed, with its detail; it was handed over twice, and stands there once."""
    grip("usage", "list")
    asyncio.run(_write(database_url, _trace()))


@pytest.mark.usefixtures("failed")
def test_a_page_tells_a_failed_call_to_people(grip):
    """Why it failed, who was asked, and why the others were not."""
    page = grip("explain", "req_1").stdout

    for words in (
        "service_unavailable: no channel completed it tried=1",
        "status_500: its trouble",
        "asked, and failed",
        "disabled, its kind cannot answer on this route",
        "would have been next; sick until 2001-09-09T01:46:40Z: timeout",
        "model mini: not on the key's list of models",
        "limit=3, remaining=2, reset_ms=1501",
        "nothing was charged",
    ):
        assert words in page


@pytest.mark.usefixtures("failed")
def test_a_program_has_all_of_it_as_one_value(grip):
    """The same parts, whether they are known or null."""
    told = grip("explain", "req_1", "--json").json

    assert (told["request_id"], told["status"]) == ("req_1", "failed")
    assert told["hold"]["credits"] == 9
    assert told["purse"]["budget"] == 500
    assert [one["verdict"] for one in told["route"]["models"][0]["channels"]] == [
        "failed",
        "dropped",
        "waiting",
    ]
    assert (told["charge"], told["usage"], told["ledger"]) == (None, None, None)
    assert told["content"]["response"] == {"bytes": 900, "cut": True}


def test_a_charged_call_is_told_with_its_use(grip, database_url: str):
    """The report by the names of its numbers, beside what it came to."""
    use = traces.UseTold(
        report=(7, None, 0, 0),
        used=Usage(input_tokens=7, output_tokens=2),
        estimated=True,
        cost_nano=9,
        buy_cost_nano=None,
    )
    grip("usage", "list")
    asyncio.run(_write(database_url, _trace(outcome="completed", use=use, failure=None)))
    told = grip("explain", "req_1", "--json").json

    assert told["usage"]["report"]["input_tokens"] == 7
    assert told["usage"]["report"]["output_tokens"] is None
    assert told["usage"]["used"] == {"input_tokens": 7, "output_tokens": 2, "requests": 1}
    assert "input_tokens=7" in grip("explain", "req_1").stdout


@pytest.mark.usefixtures("failed")
def test_content_is_shown_in_its_lines_and_steers_no_terminal(grip):
    """Of a call that failed, too; the reader is in the audit log."""
    page = grip("usage", "show", "req_1", "--content", "--actor", "eve").stdout
    kept = grip("usage", "show", "req_1", "--content", "--json").json["content"]
    rows = grip("audit", "list", "--subject", "req_1", "--json").json

    assert 'request, 14 bytes:\n{"a":\n"\N{REPLACEMENT CHARACTER}[31m"}\n' in page
    assert "response, 900 bytes, cut:\nsaid\n" in page
    assert (kept["request"], kept["response_cut"]) == ('{"a":\n"\x1b[31m"}', True)
    assert [row["action"] for row in rows] == ["content.read", "content.read"]
    assert rows[1]["actor"] == "eve"


@pytest.mark.usefixtures("failed")
def test_content_is_wiped_from_the_terminal(grip):
    """A reason is demanded, and one thing to wipe."""
    none = grip("usage", "redact", "--reason", "law", "--json").error
    both = grip("usage", "redact", "req_1", "--wallet", "w", "--reason", "law", "--json").error
    span = grip(
        "usage", "redact", "req_1", "--from", "2026-01-31", "--reason", "law", "--json"
    ).error
    silent = grip("usage", "redact", "req_1")
    done = grip("usage", "redact", "req_1", "--reason", "law", "--json").json
    page = grip("usage", "show", "req_1", "--content").stdout

    assert {error["code"] for error in (none, both, span)} == {"invalid_request_error"}
    assert silent.status == 2
    assert done == {"redacted": 1}
    assert "request: redacted\n" in page
    assert grip("usage", "redact", "req_1", "--reason", "law", "--json").error["code"] == "conflict"


@pytest.mark.parametrize(
    "words", [("explain",), ("usage", "show", "--content"), ("usage", "redact", "--reason", "x")]
)
def test_a_request_that_nobody_knows_is_refused_by_name(grip, words: tuple[str, ...]):
    """With what may have become of it."""
    error = grip(*words, "req_9", "--json").error

    assert error["code"] == "not_found"
    assert "req_9" in error["message"]
    assert "does not last" in error["message"]


def test_what_grip_did_not_write_is_told_as_such(grip, database_url: str, anywhere: Path):
    """A detail that cannot be read is no traceback."""
    assert anywhere.is_dir()
    grip("usage", "list")
    asyncio.run(_garble(database_url))

    assert grip("explain", "req_1", "--json").error["code"] == "books_broken"


async def _garble(url: str) -> None:
    database, aside = Database(url), Aside("test")
    writer = detail_writers.writer(database, aside)
    sides = (None, None, 0, None, None, 0)
    await writer.write([DetailRow("req_1", 1, "w", "k", None, "{}", *sides)], [])
    await writer.close()
    aside.end()
    await database.close()
