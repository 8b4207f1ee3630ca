"""`grip explain`: the life of requests that went well, and of those that did not."""

import threading
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from grip import errors
from grip.money.amounts import NANO
from grip.services import channels as channel_service
from grip.services import explain, models, wallets
from grip.services.context import Context
from grip.store.tables import detail, detail_route, holds
from tests.e2e.conftest import Open
from tests.e2e.cuts import MID, REPORTING, STOPS, charged, hang_up
from tests.e2e.gateway import SECRET
from tests.e2e.house import HELLO, POLITE_NANO, RATES, Customer, House
from tests.e2e.lives import channels, found, told
from tests.e2e.scripts import (
    STREAM_HEAD,
    TEXT,
    error_body,
    fails,
    gated,
    part,
    polite,
    raw,
    stalls,
    whole,
)

STREAMS = pytest.mark.parametrize("stream", [False, True])


def ask(house: House, customer: Customer, model: str, **more: Any) -> httpx2.Response:
    return house.post(customer, {"model": model, "messages": HELLO, **more})


def id_of(said: httpx2.Response) -> str:
    return str(said.headers["x-grip-request-id"])


@STREAMS
def test_a_call_that_went_well_is_told_from_its_key_to_its_charge(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """Key, limits, hold, route, attempt, the upstream's report, and the charge line by line."""
    ana = house.customer(budget=100_000, rpm=50)
    good = house.sell(polite)
    said = ask(house, ana, good.name, stream=stream, max_tokens=20)
    life = told(house, id_of(said))

    assert (life["status"], life["failure"], life["missing"]) == ("completed", None, [])
    assert (life["model"], life["endpoint"], life["stream"]) == (
        good.name,
        "/chat/completions",
        stream,
    )
    assert (life["key"]["name"], life["key"]["tier"]) == ("main", "enterprise")
    assert life["key"]["member"] == ana.email
    assert (life["purse"]["budget"], life["purse"]["rpm"]) == (100_000, 50)
    assert life["purse"]["balance"] == 1_000_000
    assert life["limits"]["requests"]["limit"] == 50
    assert life["limits"]["requests"]["remaining"] == 49
    assert life["hold"]["credits"] == life["purse"]["held"] == -(-life["hold"]["nano"] // NANO)
    assert life["hold"]["output_tokens"] == 20
    (attempt,) = life["attempts"]
    assert (attempt["channel"], attempt["result"]) == (f"{good.name}-0", "served")
    assert attempt["begun_ms"] + attempt["took_ms"] <= life["latency_ms"] + 1
    assert channels(life)[f"{good.name}-0"]["verdict"] == "served"
    assert life["usage"]["report"]["input_tokens"] == 10
    assert life["usage"]["used"] == {"input_tokens": 10, "output_tokens": 5, "requests": 1}
    assert life["upstream_id"] == "chatcmpl-fake"


def test_the_charge_is_done_anew_and_agrees(house: House):
    """Units by prices, their sum, whole credits, and the carry before and after."""
    ana, good = house.customer(), house.sell(polite)
    _, said = ask(house, ana, good.name), ask(house, ana, good.name)
    charge = told(house, id_of(said))["charge"]

    assert charge["lines"] == [
        {"unit": "input", "units": 10, "rate_nano": RATES.input_nano, "nano": NANO},
        {"unit": "output", "units": 5, "rate_nano": NANO, "nano": 5 * NANO},
    ]
    assert charge["computed_nano"] == charge["cost_nano"] == POLITE_NANO
    assert (charge["agrees"], charge["is_exact"], charge["price_version"]) == (True, True, 1)
    assert (charge["carry_before_nano"], charge["credits"], charge["carry_after_nano"]) == (0, 6, 0)


def test_the_price_of_the_time_is_told_after_it_has_changed(house: House):
    """The version that the row of usage names is frozen."""
    ana, good = house.customer(), house.sell(polite)
    said = ask(house, ana, good.name)
    before = told(house, id_of(said))["charge"]
    dear = {"input": NANO, "output": 2 * NANO}
    house.do(models.change, good.name, {}, sell=dear, actor="test")

    assert told(house, id_of(said))["charge"] == before


@STREAMS
def test_a_channel_that_failed_is_told_with_its_reason_and_its_time(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """So is why the others were not asked: disabled, another group, too far behind."""
    ana = house.customer()
    good = house.sell(fails(500), polite, polite, polite, polite)
    house.do(channel_service.disable, f"{good.name}-2", actor="test")
    house.do(channel_service.change, f"{good.name}-3", {"groups": ["other"]}, actor="test")
    life = told(house, id_of(ask(house, ana, good.name, stream=stream)))
    by_name = channels(life)
    first, second = life["attempts"]

    assert (first["result"], first["reason"]) == ("failed", "status_500")
    assert "the operator's trouble" in first["detail"]
    assert (second["channel"], second["result"]) == (f"{good.name}-1", "served")
    assert second["begun_ms"] >= first["begun_ms"] + first["took_ms"]
    assert [by_name[f"{good.name}-{n}"]["verdict"] for n in range(5)] == [
        "failed",
        "served",
        "dropped",
        "dropped",
        "waiting",
    ]
    assert by_name[f"{good.name}-2"]["why_not"] == ["disabled"]
    assert by_name[f"{good.name}-3"]["why_not"] == ["model_groups"]
    assert by_name[f"{good.name}-4"]["place"] == 3


def test_a_call_that_no_channel_completed_is_told_without_a_row_of_usage(house: House):
    """Why was this 503? Each of those that were asked says; the fourth was beyond the allowed."""
    ana, good = house.customer(), house.sell(*[fails(500)] * 2, raw(), polite)
    said = ask(house, ana, good.name)
    life = told(house, id_of(said))

    assert said.status_code == 503
    assert (life["status"], life["failure"]["code"]) == ("failed", "service_unavailable")
    assert [one["reason"] for one in life["attempts"]] == ["status_500", "status_500", "closed"]
    assert channels(life)[f"{good.name}-3"]["verdict"] == "beyond"
    assert life["hold"]["credits"] > 0
    assert (life["charge"], life["ledger"], life["usage"]) == (None, None, None)
    assert life["missing"] == ["nothing was charged: there is no row of usage"]


def test_a_sick_channel_is_told_with_its_reason_and_its_end(house: House):
    """As it stood when the call was routed."""
    ana, good = house.customer(), house.sell(fails(500), polite)
    *_, said = [ask(house, ana, good.name) for _ in range(4)]
    life = told(house, id_of(said))
    sick = channels(life)[f"{good.name}-0"]

    assert (sick["verdict"], sick["sick"]["reason"], sick["place"]) == ("waiting", "status_500", 2)
    assert sick["sick"]["since"] < sick["sick"]["until"]
    assert len(life["attempts"]) == 1


@STREAMS
def test_what_the_upstream_refused_is_told_with_its_words(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """Its status and message; the channel is not to blame."""
    ana = house.customer()
    good = house.sell(whole(error_body("max_tokens is too large", "bad"), status=400))
    said = ask(house, ana, good.name, stream=stream)
    life = told(house, id_of(said))

    assert said.status_code == 400
    assert life["status"] == "rejected"
    assert (life["failure"]["status"], life["failure"]["message"]) == (
        400,
        "max_tokens is too large",
    )
    assert [one["result"] for one in life["attempts"]] == ["refused"]


def test_a_call_that_was_not_admitted_is_told_with_the_limit_that_refused_it(house: House):
    """No money, too many calls, or a model that is not there: nothing was held."""
    poor, good = house.customer(credits_=1), house.sell(polite)
    life = told(house, id_of(ask(house, poor, good.name)))
    unknown = told(house, id_of(ask(house, poor, "nothing")))
    quick = house.customer(tier="slow")
    busy = [ask(house, quick, good.name) for _ in range(5)]
    limited = told(house, id_of(next(one for one in busy if one.status_code == 429)))

    assert (life["status"], life["failure"]["code"]) == ("refused", "insufficient_credits")
    assert life["failure"]["facts"]["available"] == 1
    assert (life["hold"], life["attempts"]) == (None, [])
    assert channels(life)[f"{good.name}-0"]["verdict"] == "waiting"
    assert (unknown["failure"]["code"], unknown["route"]) == ("model_not_found", None)
    assert limited["failure"]["facts"] == {"limit": "wallet_qps"}
    assert life["content"]["state"] == "not_logged"


def test_a_call_that_no_channel_may_serve_is_told_with_what_stands_between(house: House):
    """Each channel by its reason: here, the groups of the key."""
    good = house.sell(polite)
    said = ask(house, house.customer(groups=["elsewhere"]), good.name)
    life = told(house, id_of(said))

    assert (said.status_code, life["status"]) == (503, "refused")
    assert channels(life)[f"{good.name}-0"]["why_not"] == ["key_groups"]


def test_a_stream_that_its_client_left_is_told_as_cut(house: House):
    """With what was charged for it."""
    ana, good = house.customer(), house.sell(stalls(MID.begun(REPORTING)), channel=STOPS)
    hang_up(house, ana, good, MID)
    row = charged(house, ana)
    life = told(house, row.request_id)

    assert (life["status"], life["charge"]["agrees"]) == ("cut", True)
    assert life["usage"]["estimated"]
    assert life["usage"]["report"] is None


def test_a_stream_that_its_upstream_broke_off_is_told_as_failed(house: House):
    """Its channel had begun to serve, and did not end; nothing was charged."""
    ana = house.customer()
    good = house.sell(raw(STREAM_HEAD + part(TEXT[0])))
    said = ask(house, ana, good.name, stream=True)
    life = told(house, id_of(said))

    assert (life["status"], life["failure"]["code"]) == ("failed", "service_unavailable")
    assert [(one["result"], bool(one["reason"])) for one in life["attempts"]] == [("broke", True)]
    assert life["charge"] is None


def test_a_fallback_is_told_with_the_model_that_was_named(house: House):
    """Both models with their channels; the charge is at the price of the one that served."""
    ana = house.customer()
    other = house.sell(polite)
    named = house.sell(fails(500), fallbacks=[other.name, house.sell(polite, sell=None).name])
    life = told(house, id_of(ask(house, ana, named.name)))
    first, second, unpriced = life["route"]["models"]

    assert (life["model"], life["charge"]["model"]) == (named.name, other.name)
    assert (first["model"], second["model"]) == (named.name, other.name)
    assert unpriced["why_not"] == ["price"]
    assert [one["model"] for one in life["attempts"]] == [named.name, other.name]


def test_a_secret_that_an_upstream_quotes_is_not_kept(house: House):
    """Neither in what is told nor in the log."""
    ana, good = house.customer(), house.sell(whole(error_body(f"bad key {SECRET}"), status=401))
    life = told(house, id_of(ask(house, ana, good.name)))

    assert "bad key [secret]" in life["attempts"][0]["detail"]
    assert SECRET not in house.gateway.log


def test_a_call_under_way_is_told_by_its_hold(house: House):
    """Until it ends, there is nothing else."""
    gate = threading.Event()
    ana, good = house.customer(), house.sell(gated(gate, polite))
    worker = threading.Thread(target=ask, args=(house, ana, good.name))
    worker.start()
    good.door.next()
    request_id = house.do(_held, ana.wallet_id)
    life = explain.describe(house.do(explain.find, request_id))
    gate.set()
    worker.join()

    assert (life["status"], life["hold"]["nano"] > 0) == ("running", True)
    assert life["missing"] == [
        "the call has not ended: its charge and its detail are still to come"
    ]
    assert told(house, request_id)["status"] == "completed"


async def _held(context: Context, wallet_id: str) -> str:
    query = sa.select(holds.c.request_id).where(holds.c.wallet_id == wallet_id)
    async with context.database.read() as connection:
        return str((await connection.execute(query)).scalar_one())


def test_a_call_whose_detail_has_gone_is_told_by_its_row_of_usage(own_house: Open):
    """The charge and its arithmetic last; what is no longer there is named."""
    with own_house() as house:
        ana, good = house.customer(), house.sell(polite)
        said = ask(house, ana, good.name)
        whole_life = told(house, id_of(said))
        house.do(_forget, detail_route)
        without_route = told(house, id_of(said))
        house.do(_forget, detail)
        life = explain.describe(house.do(explain.find, id_of(said)))

    assert without_route["route"] is None
    assert without_route["missing"] == ["the channels that were not tried are no longer known"]
    assert life["charge"] == whole_life["charge"]
    assert (life["status"], life["attempts"], life["key"]) == ("completed", None, None)
    assert life["hold"] == {"credits": whole_life["hold"]["credits"]}
    assert "no longer there" in life["missing"][0]


async def _forget(context: Context, table: sa.Table) -> None:
    async with context.database.write() as connection:
        await connection.execute(sa.delete(table))


def test_a_request_that_nobody_knows_is_not_found(house: House):
    """And the sentence says what may have become of it."""
    with pytest.raises(errors.NotFound, match="req_nobody"):
        house.do(explain.find, "req_nobody")


def test_the_row_of_the_ledger_is_told(house: House):
    """A row of usage is the debit itself."""
    ana, good = house.customer(), house.sell(polite)
    life = told(house, id_of(ask(house, ana, good.name)))
    wallet = house.do(wallets.get, ana.wallet_id)

    assert life["ledger"]["credits"] == life["ledger"]["from_wallet"] == 6
    assert life["ledger"]["balance_after"] == wallet.balance
    assert found(house, life["request_id"]).row is not None
