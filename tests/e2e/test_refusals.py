"""Each refusal of the contract, as OpenAI's own client raises it."""

import threading
from collections.abc import Callable

import openai
import pytest
import sqlalchemy as sa

from grip.clock import system_clock
from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import accounts, keys, members, models
from grip.services.context import Context
from grip.store.tables import api_key
from tests.e2e.house import HELLO, Customer, House
from tests.e2e.scripts import polite

ONLY_OUTPUT = Rates(input_nano=0, output_nano=NANO)
"""A token of output is a credit, input is free: a hold is what the client allows."""


def _ask(house: House, secret: str, model: str, **more: object) -> openai.APIStatusError:
    """Return how a chat is refused, whole and as a stream: alike, but for their ids."""
    errors = []
    for stream in (False, True):
        with pytest.raises(openai.APIStatusError) as raised:
            house.client(secret).chat.completions.create(  # type: ignore[call-overload]
                model=model, messages=HELLO, stream=stream, **more
            )
        errors.append(raised.value)
    whole, streamed = errors
    assert (whole.status_code, whole.code) == (streamed.status_code, streamed.code)
    assert type(whole) is type(streamed)
    assert whole.response.headers["x-grip-request-id"].startswith("req_")
    return whole


def _metadata(error: openai.APIStatusError) -> dict[str, object]:
    found: dict[str, object] = error.response.json()["error"]["metadata"]
    return found


def _revoked(house: House, ana: Customer) -> None:
    house.do(keys.revoke, ana.key_id, actor="test")


def _rolled(house: House, ana: Customer) -> None:
    house.do(keys.roll, ana.key_id, actor="test")


def _disabled(house: House, ana: Customer) -> None:
    house.do(accounts.disable, ana.email, actor="test")


@pytest.mark.parametrize("end", [_revoked, _rolled, _disabled])
def test_a_key_that_worked_is_refused_once_it_has_ended(
    house: House, end: Callable[[House, Customer], None]
):
    """From the moment that the command returned, on every route."""
    ana, good = house.customer(), house.sell(polite)
    ana.client.chat.completions.create(model=good.name, messages=HELLO)
    end(house, ana)
    error = _ask(house, ana.secret, good.name)

    assert isinstance(error, openai.AuthenticationError)
    assert (error.status_code, error.code) == (401, "invalid_api_key")
    with pytest.raises(openai.AuthenticationError):
        ana.client.models.list()
    assert good.calls == [1]
    assert len(house.usage(ana)) == 1


def test_an_enabled_account_works_again(house: House):
    """Its keys were not ended, only stopped."""
    ana, good = house.customer(), house.sell(polite)
    house.do(accounts.disable, ana.email, actor="test")
    _ask(house, ana.secret, good.name)
    house.do(accounts.enable, ana.email, actor="test")

    assert ana.client.chat.completions.create(model=good.name, messages=HELLO).choices


def test_an_expired_key_is_refused(house: House):
    """It works until its time."""
    good = house.sell(polite)
    ana = house.customer(expires_us=system_clock() + 3_600_000_000)
    assert ana.client.chat.completions.create(model=good.name, messages=HELLO).choices
    house.do(_let_expire, ana.key_id)
    error = _ask(house, ana.secret, good.name)

    assert (type(error), error.code) == (openai.AuthenticationError, "invalid_api_key")


async def _let_expire(context: Context, key_id: str) -> None:
    async with context.database.write() as connection:
        over = sa.update(api_key).where(api_key.c.id == key_id)
        await connection.execute(over.values(expires_us=context.clock() - 1))


@pytest.mark.parametrize("secret", ["sk-grip-nobody", "something else", "clé"])
def test_an_unknown_key_is_refused(house: House, secret: str):
    """Whatever it looks like."""
    good = house.sell(polite)
    answer = house.http.post(
        "/v1/chat/completions",
        json={"model": good.name, "messages": HELLO},
        headers={b"authorization": f"Bearer {secret}".encode()},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert answer.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("value", [None, "", "Bearer", "Basic c2s6", "sk-grip-x"])
def test_a_request_without_a_key_is_refused(house: House, value: str | None):
    """Before its body is looked at."""
    headers = {} if value is None else {"authorization": value}
    answer = house.http.post("/v1/chat/completions", content=b"{", headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_removed_member_is_refused_for_good(house: House):
    """Also after they have joined again; the owner's key goes on."""
    ana, bob = house.customer(tier="team"), house.customer()
    good = house.sell(polite)
    house.do(members.add, ana.wallet_id, bob.email, actor="test")
    made = house.do(keys.create, ana.wallet_id, actor="test", name="b", member=bob.email)
    house.client(made.secret).chat.completions.create(model=good.name, messages=HELLO)
    house.do(members.remove, ana.wallet_id, bob.email, actor="test")
    error = _ask(house, made.secret, good.name)
    house.do(members.add, ana.wallet_id, bob.email, actor="test")
    again = _ask(house, made.secret, good.name)

    assert {type(error), type(again)} == {openai.AuthenticationError}
    assert ana.client.chat.completions.create(model=good.name, messages=HELLO).choices


def test_an_empty_wallet_is_told_what_is_missing(house: House):
    """Required, available and held, before anything is dispatched."""
    ana, good = house.customer(credits_=99), house.sell(polite, sell=ONLY_OUTPUT)
    error = _ask(house, ana.secret, good.name, max_tokens=100)

    assert isinstance(error, openai.APIStatusError)
    assert (error.status_code, error.code, error.type) == (
        402,
        "insufficient_credits",
        "insufficient_quota",
    )
    assert _metadata(error) == {"required": 100, "available": 99, "held": 0}
    assert good.calls == [0]
    house.assert_untouched(ana, 99)


def test_a_budget_that_is_used_up_stops_its_key_alone(house: House):
    """Another key of the wallet goes on."""
    ana, good = house.customer(budget=104), house.sell(polite, sell=ONLY_OUTPUT)
    ana.client.chat.completions.create(model=good.name, messages=HELLO, max_tokens=100)
    error = _ask(house, ana.secret, good.name, max_tokens=100)
    other = house.do(keys.create, ana.wallet_id, actor="test", name="other")

    assert (error.status_code, error.code) == (402, "api_key_budget_exhausted")
    assert _metadata(error) == {"required": 100, "available": 99, "held": 0, "limit": 104}
    client = house.client(other.secret)
    assert client.chat.completions.create(model=good.name, messages=HELLO).choices


def test_a_members_limit_stops_their_keys(house: House):
    """All of them together, and nobody else's."""
    ana, bob = house.customer(tier="team"), house.customer()
    good = house.sell(polite, sell=ONLY_OUTPUT)
    house.do(members.add, ana.wallet_id, bob.email, actor="test", limit=104)
    first, second = (
        house.do(keys.create, ana.wallet_id, actor="test", name=name, member=bob.email)
        for name in ("one", "two")
    )
    house.client(first.secret).chat.completions.create(
        model=good.name, messages=HELLO, max_tokens=100
    )
    error = _ask(house, second.secret, good.name, max_tokens=100)

    assert (error.status_code, error.code) == (402, "member_limit_exhausted")
    assert _metadata(error)["available"] == 99
    assert house.post(ana, {"model": good.name, "messages": HELLO}).status_code == 200


def test_a_member_sees_their_own_usage_and_the_owner_all(house: House):
    """Both draw from one wallet."""
    ana, bob = house.customer(tier="team"), house.customer()
    good = house.sell(polite)
    house.do(members.add, ana.wallet_id, bob.email, actor="test")
    made = house.do(keys.create, ana.wallet_id, actor="test", name="b", member=bob.email)
    for secret in (ana.secret, made.secret):
        house.client(secret).chat.completions.create(model=good.name, messages=HELLO)
    owners, members_ = (
        house.http.get("/v1/usage", headers={"authorization": f"Bearer {secret}"}).json()["data"]
        for secret in (ana.secret, made.secret)
    )

    assert [row["key_name"] for row in owners] == ["b", "main"]
    assert [row["key_name"] for row in members_] == ["b"]


def test_a_model_that_is_not_on_the_list_is_not_allowed(house: House):
    """By name or alias."""
    good, other = house.sell(polite), house.sell(polite, alias="cheap-one")
    ana = house.customer(models=[good.name])
    errors = [_ask(house, ana.secret, name) for name in (other.name, "cheap-one")]

    for error in errors:
        assert isinstance(error, openai.PermissionDeniedError)
        assert (error.status_code, error.code, error.param) == (403, "model_not_allowed", "model")
    assert other.calls == [0]
    house.assert_untouched(ana)


def _unpriced(house: House) -> str:
    return house.sell(polite, sell=None).name


def _switched_off(house: House) -> str:
    good = house.sell(polite)
    house.do(models.disable, good.name, actor="test")
    return good.name


def _removed(house: House) -> str:
    good = house.sell(polite)
    house.do(models.remove, good.name, actor="test")
    return good.name


@pytest.mark.parametrize("make", [lambda _: "nothing", _unpriced, _switched_off, _removed])
def test_a_model_that_is_not_for_sale_is_not_found(house: House, make: Callable[[House], str]):
    """Unknown, without a price, disabled or removed."""
    ana, name = house.customer(), make(house)
    error = _ask(house, ana.secret, name)

    assert isinstance(error, openai.NotFoundError)
    assert (error.status_code, error.code, error.param) == (404, "model_not_found", "model")
    house.assert_untouched(ana)


def test_a_model_of_another_type_is_a_mistake(house: House):
    """Which names the type."""
    ana, good = house.customer(), house.sell(polite, kind="embedding")
    error = _ask(house, ana.secret, good.name)

    assert (type(error), error.param) == (openai.BadRequestError, "model")
    assert "embedding" in error.message


def test_a_keys_requests_per_minute_are_counted(house: House):
    """The limit is named, and the wait is within the minute."""
    ana, good = house.customer(rpm=1), house.sell(polite)
    ana.client.chat.completions.create(model=good.name, messages=HELLO)
    error = _ask(house, ana.secret, good.name)

    assert isinstance(error, openai.RateLimitError)
    assert (error.status_code, error.code) == (429, "rate_limit_exceeded")
    assert _metadata(error) == {"limit": "key_rpm"}
    assert 1 <= int(error.response.headers["retry-after"]) <= 60
    assert error.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert good.calls == [1]


def test_who_waits_as_long_as_told_is_admitted(house: House):
    """The promise to a lone waiter, on a wallet of one request a second."""
    ana, good = house.customer(tier="slow"), house.sell(polite)
    ana.client.chat.completions.create(model=good.name, messages=HELLO)
    error = _ask(house, ana.secret, good.name)
    wait_s = int(error.response.headers["retry-after"])
    threading.Event().wait(wait_s)

    assert (_metadata(error), wait_s) == ({"limit": "wallet_qps"}, 1)
    assert ana.client.chat.completions.create(model=good.name, messages=HELLO).choices


def test_a_wallets_tokens_per_minute_are_counted(house: House):
    """As estimated, and given back as far as they were not used."""
    ana, good = house.customer(tier="small"), house.sell(polite)
    ana.client.chat.completions.create(model=good.name, messages=HELLO, max_tokens=1900)
    raw = ana.client.chat.completions.with_raw_response.create(
        model=good.name, messages=HELLO, max_tokens=1900
    )
    ana.client.chat.completions.create(model=good.name, messages=HELLO, max_tokens=1900)
    good.doors[0].script = lambda exchange: None
    assert int(raw.headers["x-ratelimit-remaining-tokens"]) < 100

    error = _ask(house, ana.secret, good.name, max_tokens=1980)
    assert (error.code, _metadata(error)) == ("rate_limit_exceeded", {"limit": "wallet_tpm"})
    assert int(error.response.headers["retry-after"]) <= 60


def test_more_tokens_than_a_minute_has_are_a_mistake(house: House):
    """No wait would help, so it is no 429."""
    ana, good = house.customer(tier="small"), house.sell(polite)
    error = _ask(house, ana.secret, good.name, max_tokens=2000)

    assert (type(error), error.code) == (openai.BadRequestError, "invalid_request_error")
    assert "retry-after" not in error.response.headers
    house.assert_untouched(ana)


def test_a_refused_call_counts_against_no_limit(house: House):
    """Neither one that the body refuses, nor one that the money does."""
    ana, good = house.customer(credits_=50, rpm=1), house.sell(polite, sell=ONLY_OUTPUT)
    for _ in range(3):
        house.post(ana, b"{")
        _ask(house, ana.secret, good.name, max_tokens=51)

    body = {"model": good.name, "messages": HELLO, "max_tokens": 50}
    assert house.post(ana, body).status_code == 200


def test_no_channel_at_all_is_unavailable(house: House):
    """Nothing is held or charged for it."""
    ana, good = house.customer(), house.sell()
    error = _ask(house, ana.secret, good.name)

    assert isinstance(error, openai.InternalServerError)
    assert (error.status_code, error.code) == (503, "service_unavailable")
    house.assert_untouched(ana)


def test_a_key_and_a_tier_reach_their_groups_only(house: House):
    """And are told so: it is no passing trouble."""
    good = house.sell(polite)
    stranger, friend = house.customer(groups=["other"]), house.customer(groups=[good.name])
    error = _ask(house, stranger.secret, good.name)

    assert (error.status_code, error.code) == (503, "service_unavailable")
    assert "groups of this API key" in error.message
    house.assert_untouched(stranger)
    assert friend.client.chat.completions.create(model=good.name, messages=HELLO).choices
