"""Idempotency-Keys: a call that is sent again is answered again, and never carried out twice."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx2
import openai
import pytest

from grip.money.amounts import NANO
from grip.services import keys, models, wallets
from tests.e2e.again import (
    COUNTED,
    KEY,
    STREAM,
    assert_charged_once,
    assert_replayed,
    code,
    hello,
    post,
)
from tests.e2e.conftest import Open
from tests.e2e.house import HELLO, Customer, Good, House
from tests.e2e.scripts import (
    BEGUN,
    DONE,
    fails,
    gated,
    in_turn,
    polite,
    raw,
    resets,
    whole,
)
from tests.e2e.upstream import Script

REFUSED = b'{"error":{"message":"no such voice","type":"invalid_request_error","param":"x"}}'


@pytest.mark.parametrize("more", [{}, STREAM, COUNTED], ids=["whole", "stream", "counted stream"])
def test_a_call_that_is_sent_again_is_answered_again(house: House, more: dict[str, Any]):
    """Byte for byte, with the same id and the same charge, of one upstream call."""
    ana, good = house.customer(), house.sell(polite)
    first, *others = [post(house, ana, hello(good, **more)) for _ in range(3)]

    for again in others:
        assert_replayed(first, again)
    assert ("x-grip-cost-nano" in first.headers) == (not more)
    assert (b'"cost_nano":6000000000' in first.content) == (more is COUNTED)
    assert first.content.endswith(DONE) == bool(more)
    assert good.calls == [1]
    assert_charged_once(house, ana)


def test_embeddings_that_are_sent_again_are_answered_again(house: House):
    """They cost money too."""
    ana, good = house.customer(), house.sell(polite, kind="embedding")
    body = {"model": good.name, "input": ["Hello", "you"]}
    first, again = [post(house, ana, body, path="/v1/embeddings") for _ in range(2)]

    assert_replayed(first, again)
    assert good.calls == [1]
    assert len(house.usage(ana)) == 1


def test_openais_client_gets_the_same_answer_again(house: House):
    """Whole and streamed, with the key in an extra header."""
    ana, good = house.customer(), house.sell(polite)
    create = ana.client.chat.completions.create
    whole_ones = [
        create(model=good.name, messages=HELLO, extra_headers={"Idempotency-Key": "w"})
        for _ in range(2)
    ]
    streamed = [
        list(
            create(
                model=good.name,
                messages=HELLO,
                stream=True,
                stream_options={"include_usage": True},
                extra_headers={"Idempotency-Key": "s"},
            )
        )
        for _ in range(2)
    ]

    assert whole_ones[0] == whole_ones[1]
    assert streamed[0] == streamed[1]
    assert streamed[1][-1].usage is not None
    assert good.calls == [2]
    assert len(house.usage(ana)) == 2


def test_without_a_key_every_call_is_its_own(house: House):
    """And so it is with another key each time."""
    ana, good = house.customer(), house.sell(polite)
    said = [house.post(ana, hello(good)) for _ in range(2)]
    said += [post(house, ana, hello(good), key) for key in ("a", "A")]

    assert not any("idempotent-replayed" in one.headers for one in said)
    assert good.calls == [4]


def test_another_body_under_the_same_key_is_refused(house: House):
    """By its bytes, and by its route; the first answer is still there."""
    ana, good = house.customer(), house.sell(polite)
    body = b'{"model":"%b","messages":[{"role":"user","content":"Hello"}]}' % good.name.encode()
    first = post(house, ana, body)
    others = [
        post(house, ana, body.replace(b"Hello", b"Hallo")),
        post(house, ana, body.replace(b":[", b": [")),
        post(house, ana, body.replace(b"}]", b'}],"input":"x"'), path="/v1/embeddings"),
    ]

    assert {code(said) for said in others} == {(422, "idempotency_key_reused")}
    assert_replayed(first, post(house, ana, body))
    assert good.calls == [1]
    assert_charged_once(house, ana)


@pytest.mark.parametrize("stream", [False, True])
def test_a_second_call_while_the_first_runs_is_told_so(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """With a time to wait; another body is refused even then, and the end is answered again."""
    gate = threading.Event()
    ana, good = house.customer(), house.sell(gated(gate, polite))
    body = hello(good, stream=stream)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(post, house, ana, body)
        good.door.next()
        second = post(house, ana, body)
        other = post(house, ana, hello(good, stream=stream, seed=1))
        gate.set()
        first = call.result()

    assert code(second) == (409, "idempotency_key_in_use")
    assert second.headers["retry-after"] == "1"
    assert code(other) == (422, "idempotency_key_reused")
    assert_replayed(first, post(house, ana, body))
    assert good.calls == [1]


@pytest.mark.parametrize(
    ("script", "more", "status"),
    [
        (whole(REFUSED, status=400), {}, 400),
        (whole(REFUSED, status=400), STREAM, 400),
        (fails(500), {}, 503),
        (fails(429), STREAM, 503),
        (resets(), {}, 503),
        (raw(BEGUN), STREAM, 200),
    ],
    ids=["refused", "refused stream", "5xx", "429 of a stream", "reset", "dies half-way"],
)
def test_a_failed_call_frees_its_key(
    house: House, script: Script, more: dict[str, Any], status: int
):
    """The next one is carried out, and only that is charged; its body may be another one."""
    ana, good = house.customer(), house.sell(in_turn(script, polite))
    failed = post(house, ana, hello(good, **more))
    body = hello(good, seed=1, **more)
    first, again = post(house, ana, body), post(house, ana, body)

    assert failed.status_code == status
    assert DONE not in failed.content
    assert_replayed(first, again)
    assert good.calls == [2]
    assert_charged_once(house, ana)


def test_a_call_that_was_not_admitted_leaves_its_key_free(house: House):
    """Out of credits, over the rate, no such model: nothing was carried out."""
    ana, good = house.customer(credits_=0, rpm=1), house.sell(polite)
    poor = post(house, ana, hello(good))
    house.do(wallets.credit, ana.email, 1_000_000, actor="test", reason="test")
    unknown = post(house, ana, {**hello(good), "model": "nothing"})
    first = post(house, ana, hello(good))
    fast = post(house, ana, hello(good), "another")
    fast_again = post(house, ana, hello(good, seed=1), "another")

    assert code(poor) == (402, "insufficient_credits")
    assert code(unknown) == (404, "model_not_found")
    assert {code(fast), code(fast_again)} == {(429, "rate_limit_exceeded")}
    assert_replayed(first, post(house, ana, hello(good)))
    assert good.calls == [1]
    assert_charged_once(house, ana)


def test_of_ten_at_once_one_is_carried_out(own_house: Open):
    """Over two workers: nine are told to wait, and a retry of each gets the answer."""
    gate = threading.Event()
    with own_house("--workers", "2") as house:
        ana, good = house.customer(), house.sell(gated(gate, polite))
        with ThreadPoolExecutor(10) as pool:
            calls = [pool.submit(_alone, house, ana, good) for _ in range(10)]
            told = [
                code(done.result()) for _, done in zip(range(9), as_completed(calls), strict=False)
            ]
            gate.set()
        (first,) = [call.result() for call in calls if call.result().status_code == 200]
        retries = [_alone(house, ana, good) for _ in range(9)]

        assert Counter(told) == {(409, "idempotency_key_in_use"): 9}
        for again in retries:
            assert_replayed(first, again)
        assert good.calls == [1]
        assert_charged_once(house, ana)


def _alone(house: House, customer: Customer, good: Good) -> httpx2.Response:
    """Post on a connection of its own, so that both workers get some."""
    with house.fresh_http() as http:
        headers = {"authorization": f"Bearer {customer.secret}", "idempotency-key": KEY}
        return http.post("/v1/chat/completions", json=hello(good), headers=headers)


def test_keys_of_one_wallet_are_apart(house: House):
    """What one of them called does not answer, nor hinder, the other."""
    ana, good = house.customer(), house.sell(polite)
    second = house.do(keys.create, ana.email, actor="test", name="second").secret
    first = post(house, ana, hello(good))
    other = post(house, ana, hello(good, seed=1), secret=second)

    assert (first.status_code, other.status_code) == (200, 200)
    assert "idempotent-replayed" not in other.headers
    assert good.calls == [2]


def test_a_rolled_key_keeps_what_it_called(house: House):
    """Its id is the same; the old secret is nobody's any more."""
    ana, good = house.customer(), house.sell(polite)
    first = post(house, ana, hello(good))
    rolled = house.do(keys.roll, ana.key_id, actor="test").secret

    assert code(post(house, ana, hello(good))) == (401, "invalid_api_key")
    assert_replayed(first, post(house, ana, hello(good), secret=rolled))
    assert good.calls == [1]


def test_a_revoked_key_gets_no_answer_again(house: House):
    """Whoever may not call may not ask for what was called."""
    ana, good = house.customer(), house.sell(polite)
    post(house, ana, hello(good))
    house.do(keys.revoke, ana.key_id, actor="test")

    assert code(post(house, ana, hello(good))) == (401, "invalid_api_key")
    assert good.calls == [1]


def test_an_answer_again_takes_no_credits_and_no_limits(house: House):
    """Not of an empty wallet, a used-up rate, a dearer price, nor a model that is not sold now."""
    ana, good = house.customer(rpm=1), house.sell(polite)
    first = post(house, ana, hello(good))
    house.do(wallets.debit, ana.email, house.wallet(ana).balance, actor="test", reason="test")
    house.do(models.change, good.name, {}, sell={"output": 7 * NANO}, actor="test")
    house.do(models.disable, good.name, actor="test")

    for _ in range(5):
        assert_replayed(first, post(house, ana, hello(good)))
    wallet = house.wallet(ana)
    assert (wallet.balance, wallet.held, wallet.debt) == (0, 0, 0)
    assert len(house.usage(ana)) == 1


@pytest.mark.parametrize(
    "values",
    [[b""], [b"a", b"a"], [b"a" * 256], [b"a b"], [b"a\tb"], ["clé".encode()], [b"\xff"]],
)
def test_a_bad_key_is_refused_and_nothing_is_held(house: House, values: list[bytes]):
    """Empty, twice, too long, or with what is not visible ASCII."""
    ana, good = house.customer(), house.sell(polite)
    headers = [(b"authorization", f"Bearer {ana.secret}".encode())]
    headers += [(b"Idempotency-Key", value) for value in values]
    said = house.http.post("/v1/chat/completions", json=hello(good), headers=headers)

    assert code(said) == (400, "invalid_request_error")
    assert said.json()["error"]["param"] == "Idempotency-Key"
    assert good.calls == [0]
    house.assert_untouched(ana)


@pytest.mark.parametrize("key", ["a" * 255, "!", 'x,y;"z"=~'])
def test_any_visible_ascii_is_a_key(house: House, key: str):
    """Up to 255 characters."""
    ana, good = house.customer(), house.sell(polite)
    first, again = [post(house, ana, hello(good), key) for _ in range(2)]

    assert_replayed(first, again)


def test_a_refused_key_is_told_as_openais_client_raises_it(house: House):
    """422 and 409 have classes of their own there."""
    ana, good = house.customer(), house.sell(polite)
    extra = {"Idempotency-Key": KEY}
    create = ana.client.chat.completions.create
    create(model=good.name, messages=HELLO, extra_headers=extra)

    with pytest.raises(openai.UnprocessableEntityError) as raised:
        create(model=good.name, messages=HELLO, seed=1, extra_headers=extra)
    assert raised.value.code == "idempotency_key_reused"
