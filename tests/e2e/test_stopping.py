"""Stopping: what runs is finished and charged, and the status is 0."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from anyio.from_thread import BlockingPortal

from grip.services.context import Context
from grip.store.boots import STOPPED
from grip.store.tables import boot
from tests.e2e.conftest import Open
from tests.e2e.gateway import CONFIG
from tests.e2e.house import HELLO, POLITE_NANO
from tests.e2e.scripts import (
    BEGUN,
    DONE,
    REST,
    TEXT,
    after,
    gated,
    polite,
    raw,
    stalls,
)


def test_a_stream_that_runs_is_finished_and_charged(own_house: Open):
    """Whole to its end, although the stop came in its middle."""
    go_on = threading.Event()
    with own_house() as house:
        ana, good = house.customer(), house.sell(after(BEGUN, go_on, raw(REST)))
        body = {"model": good.name, "messages": HELLO, "stream": True}
        with house.streaming(ana, body) as answer:
            said = answer.iter_raw()
            first = next(said)
            house.gateway.process.send_signal(signal.SIGTERM)
            go_on.set()
            rest = b"".join(said)
        assert house.gateway.wait() == 0
        (row,) = house.usage(ana)

    assert first + rest == b"".join([*TEXT, DONE])
    assert (row.status, row.cost_nano) == ("completed", POLITE_NANO)


def test_a_whole_answer_that_is_awaited_is_finished_and_charged(own_house: Open):
    """The client gets it after the stop was asked for."""
    gate = threading.Event()
    with own_house() as house:
        ana, good = house.customer(), house.sell(gated(gate, polite))
        answers = []
        caller = threading.Thread(
            target=lambda: answers.append(house.post(ana, {"model": good.name, "messages": HELLO}))
        )
        caller.start()
        good.door.next()
        house.gateway.process.send_signal(signal.SIGTERM)
        gate.set()
        caller.join()
        assert house.gateway.wait() == 0

        assert [answer.status_code for answer in answers] == [200]
        assert len(house.usage(ana)) == 1


def test_a_stream_that_does_not_end_in_time_fails_and_costs_nothing(own_house: Open):
    """The time to finish is over: its client is told, its hold released, the status 0."""
    config = "[server]\ngraceful_stop_s = 1\n" + CONFIG
    with own_house(config=config) as house:
        ana, good = house.customer(), house.sell(stalls(BEGUN))
        body = {"model": good.name, "messages": HELLO, "stream": True}
        with house.streaming(ana, body) as answer:
            said = answer.iter_raw()
            assert next(said) == TEXT[0]
            house.gateway.process.send_signal(signal.SIGTERM)
            rest = b"".join(said)
        assert house.gateway.wait() == 0

        house.assert_untouched(ana)
    assert b'"code":"service_unavailable"' in rest
    assert b"[DONE]" not in rest


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_without_an_answer_in_time_fails_and_costs_nothing(
    own_house: Open,
    stream: bool,  # noqa: FBT001
):
    """Its client gets an error with a status."""
    config = "[server]\ngraceful_stop_s = 1\n" + CONFIG
    with own_house(config=config) as house:
        ana, good = house.customer(), house.sell(stalls())
        answers = []
        body = {"model": good.name, "messages": HELLO, "stream": stream}
        caller = threading.Thread(target=lambda: answers.append(house.post(ana, body)))
        caller.start()
        good.door.next()
        house.gateway.process.send_signal(signal.SIGTERM)
        caller.join()
        assert house.gateway.wait() == 0

        house.assert_untouched(ana)
    (answer,) = answers
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")


def test_two_workers_serve_and_stop_together(own_house: Open):
    """Limits hold over both, and calls are counted once."""
    with own_house("--workers", "2") as house:
        ana, good = house.customer(rpm=10), house.sell(polite)
        body = {"model": good.name, "messages": HELLO}
        statuses = []
        for _ in range(20):  # a connection each, so that both workers get some
            with house.fresh_http() as http:
                headers = {"authorization": f"Bearer {ana.secret}"}
                said = http.post("/v1/chat/completions", json=body, headers=headers)
                statuses.append(said.status_code)

        assert (statuses.count(200), statuses.count(429)) == (10, 10)
        assert len(house.usage(ana)) == 10


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_a_worker_that_dies_is_replaced(own_house: Open):
    """And what came after is served by who is left; the stop is still clean."""
    with own_house("--workers", "2") as house:
        ana, good = house.customer(), house.sell(polite)
        parent = house.gateway.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        for _ in range(5):
            with house.fresh_http() as http:
                headers = {"authorization": f"Bearer {ana.secret}"}
                said = http.post(
                    "/v1/chat/completions",
                    json={"model": good.name, "messages": HELLO},
                    headers=headers,
                )
            assert said.status_code == 200


def test_a_stop_ends_every_boot_and_leaves_no_hold(own_house: Open):
    """Nobody has to find out that the workers are gone, or what became of their calls."""
    go_on = threading.Event()
    with own_house("--workers", "2") as house:
        ana, good = house.customer(), house.sell(after(BEGUN, go_on, raw(REST)))
        body = {"model": good.name, "messages": HELLO, "stream": True}
        with house.streaming(ana, body) as answer:
            said = answer.iter_raw()
            next(said)
            house.gateway.process.send_signal(signal.SIGTERM)
            go_on.set()
            assert b"".join(said).endswith(DONE)
        assert house.gateway.wait() == 0

        assert house.do(_endings) == [STOPPED, STOPPED]
        assert house.holds(ana) == 0


async def _endings(context: Context) -> list[str]:
    async with context.database.read() as connection:
        return list(await connection.scalars(sa.select(boot.c.ending)))


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_an_interrupt_stops_as_well(own_house: Open):
    """As from a terminal."""
    with own_house() as house:
        house.gateway.process.send_signal(signal.SIGINT)
        assert house.gateway.wait() == 0


def test_a_database_that_is_away_is_told_and_comes_back(
    postgres_server: str, portal: BlockingPortal, own_house: Open, own_url: str
):
    """Calls and readiness answer 503 meanwhile, and nothing is charged or held."""
    if own_url.startswith("sqlite"):
        pytest.skip("a file does not go away")
    name = own_url.rpartition("/")[2].partition("?")[0]
    with own_house() as house:
        ana, good = house.customer(), house.sell(polite)
        body = {"model": good.name, "messages": HELLO}
        assert house.post(ana, body).status_code == 200
        portal.call(
            _run,
            postgres_server,
            f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
            # The tests' own connections are this loop's, which comes back by itself.
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",  # noqa: S608 - a name of the tests' own
        )
        with ThreadPoolExecutor(2) as pool:
            bodies = [{**body, "stream": stream} for stream in (False, True)]
            refused = list(pool.map(lambda sent: house.post(ana, sent), bodies))
        wallet = house.http.get("/v1/wallet", headers={"authorization": f"Bearer {ana.secret}"})
        ready, alive = house.http.get("/readyz"), house.http.get("/healthz")
        portal.call(_run, postgres_server, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        back = house.post(ana, body)
        ready_again = house.http.get("/readyz")

        for answer in (*refused, wallet):
            assert (answer.status_code, answer.json()["error"]["code"]) == (
                503,
                "service_unavailable",
            )
        assert (ready.status_code, alive.status_code) == (503, 200)
        assert (back.status_code, ready_again.status_code) == (200, 200)
        assert len(house.usage(ana)) == 2
        assert house.holds(ana) == 0


async def _run(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_only_json_goes_to_standard_output(own_house: Open):
    """One value; the log is on standard error, where each line is JSON too."""
    with own_house() as house:
        ana, good = house.customer(), house.sell(polite, channel={"secret": "env:NOT_THERE"})
        house.post(ana, {"model": good.name, "messages": HELLO})
        house.gateway.stop()
        lines = [json.loads(line) for line in house.gateway.log.splitlines()]

    assert "channel.failed" in {line["event"] for line in lines}
