"""The routes as OpenAI's own client uses them."""

import pytest

from grip.money.amounts import NANO
from tests.e2e.house import FREE, HELLO, POLITE_NANO, House
from tests.e2e.scripts import TEXT, USAGE_EVENT, VECTOR, WORDS, polite

TEXT_SAID = "".join(WORDS)


def test_a_chat_is_answered_and_charged(house: House):
    """The head says what was drawn, and the books agree."""
    ana, good = house.customer(), house.sell(polite)
    raw = ana.client.chat.completions.with_raw_response.create(model=good.name, messages=HELLO)
    said = raw.parse()

    assert said.choices[0].message.content == TEXT_SAID
    assert (raw.headers["x-grip-credits"], raw.headers["x-grip-cost-nano"]) == (
        "6",
        str(POLITE_NANO),
    )
    (row,) = house.usage(ana)
    assert (row.request_id, row.cost_nano, row.credits) == (
        raw.headers["x-grip-request-id"],
        POLITE_NANO,
        6,
    )
    assert (row.status, row.estimated, row.input_tokens, row.output_tokens) == (
        "completed",
        False,
        10,
        5,
    )
    assert (house.wallet(ana).balance, house.holds(ana)) == (1_000_000 - 6, 0)


def test_a_stream_without_usage_shows_none_of_it(house: House):
    """Grip asks the upstream for it all the same, and charges what it says."""
    ana, good = house.customer(), house.sell(polite)
    chunks = list(ana.client.chat.completions.create(model=good.name, messages=HELLO, stream=True))

    assert "".join(c.choices[0].delta.content or "" for c in chunks) == TEXT_SAID
    assert all(c.usage is None and c.choices for c in chunks)
    assert good.door.requests[0].json["stream_options"] == {"include_usage": True}
    (row,) = house.usage(ana)
    assert (row.cost_nano, row.estimated, row.status) == (POLITE_NANO, False, "completed")


def test_a_stream_with_usage_ends_with_its_cost(house: House):
    """The final chunk is the upstream's, with the cost in it."""
    ana, good = house.customer(), house.sell(polite)
    *text, last = ana.client.chat.completions.create(
        model=good.name, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    assert [chunk.usage for chunk in text] == [None] * len(text)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (10, 5)
    assert last.usage.model_extra == {"cost_nano": POLITE_NANO}
    (row,) = house.usage(ana)
    assert row.cost_nano == POLITE_NANO


def test_a_stream_is_events_and_not_to_be_kept(house: House):
    """Proxies on the way must not buffer it; it carries no cost in its head."""
    ana, good = house.customer(), house.sell(polite)
    answer = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True})

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert "x-grip-credits" not in answer.headers
    assert answer.content == b"".join(TEXT) + b"data: [DONE]\n\n"
    assert USAGE_EVENT not in answer.content


def test_embeddings_arrive_as_the_client_decodes_them(house: House):
    """The client asks for base64 by itself; only input is charged."""
    ana, good = house.customer(), house.sell(polite, kind="embedding")
    raw = ana.client.embeddings.with_raw_response.create(model=good.name, input=["a", "b"])
    floats = ana.client.embeddings.create(model=good.name, input="a", encoding_format="float")

    assert [item.embedding for item in raw.parse().data] == [VECTOR, VECTOR]
    assert floats.data[0].embedding == VECTOR
    assert good.door.requests[0].json["encoding_format"] == "base64"
    assert raw.headers["x-grip-cost-nano"] == str(8 * NANO // 10)
    assert [(row.input_tokens, row.output_tokens) for row in house.usage(ana)] == [(8, 0), (8, 0)]


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_embeddings_take_tokens_too(house: House, tokens: list[int]):
    """As lists of numbers, or lists of those."""
    ana, good = house.customer(), house.sell(polite, kind="embedding")
    ana.client.embeddings.create(model=good.name, input=tokens)

    assert good.door.requests[0].json["input"] == tokens


def test_models_are_listed_and_shown_by_name_and_alias(house: House):
    """Only those that the key may use and that have a price; a slash in a name is part of it."""
    good = house.sell(polite, alias="vendor/best")
    house.sell(polite, sell=None)
    other = house.sell(polite)
    ana = house.customer(models=[good.name])
    listed = ana.client.models.list().data

    assert [model.id for model in listed] == [good.name, "vendor/best"]
    assert {model.object for model in listed} == {"model"}
    assert ana.client.models.retrieve("vendor/best").id == "vendor/best"
    answer = house.http.get(
        f"/v1/models/{other.name}", headers={"authorization": f"Bearer {ana.secret}"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_the_wallet_is_shown_as_the_command_line_shows_it(house: House):
    """In whole credits, with what is available."""
    ana = house.customer(credits_=5000)
    answer = house.http.get("/v1/wallet", headers={"authorization": f"Bearer {ana.secret}"})

    assert answer.json() == {
        "id": ana.wallet_id,
        "owner": ana.email,
        "tier": "enterprise",
        "balance": 5000,
        "held": 0,
        "available": 5000,
        "debt": 0,
        "providers": None,
    }


def test_usage_is_listed_newest_first_and_page_by_page(house: House):
    """Without the operator's channel; `after` goes on where the page before ended."""
    ana, good = house.customer(), house.sell(polite)
    ids = [
        ana.client.chat.completions.with_raw_response.create(
            model=good.name, messages=HELLO
        ).headers["x-grip-request-id"]
        for _ in range(3)
    ]
    headers = {"authorization": f"Bearer {ana.secret}"}
    first = house.http.get("/v1/usage?limit=2", headers=headers).json()
    rest = house.http.get(f"/v1/usage?limit=2&after={ids[1]}", headers=headers).json()

    assert [row["request_id"] for row in first["data"]] == [ids[2], ids[1]]
    assert [row["request_id"] for row in rest["data"]] == [ids[0]]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    row = first["data"][0]
    assert (row["cost_nano"], row["key_name"], row["ip"]) == (POLITE_NANO, "main", "127.0.0.1")
    assert "channel" not in row


def test_liveness_and_readiness_are_open_to_all(house: House):
    """Without a key."""
    assert house.http.get("/healthz").status_code == 200
    assert house.http.get("/readyz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/healthz", 200, None),
        ("GET", "/readyz", 200, None),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/embeddings", 405, "method_not_allowed"),
        ("POST", "/v1/wallet", 405, "method_not_allowed"),
        ("POST", "/v1/chat/completions", 401, "invalid_api_key"),
        ("GET", "/v1/models", 401, "invalid_api_key"),
        ("GET", "/v1/wallet", 401, "invalid_api_key"),
        ("GET", "/v1/usage", 401, "invalid_api_key"),
    ],
)
def test_every_answer_carries_its_id(
    house: House, method: str, path: str, status: int, code: str | None
):
    """Errors too, and those in grip's own shape; each answer has another id."""
    content = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
    answers = [
        house.http.request(method, path, content=content if method == "POST" else None)
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [status] * 2
    ids = [answer.headers["x-grip-request-id"] for answer in answers]
    assert all(name.startswith("req_") for name in ids)
    assert len(set(ids)) == 2
    if code:
        error = answers[0].json()["error"]
        assert error["code"] == code
        assert set(error) >= {"message", "type", "param", "code"}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001"])
def test_a_page_that_cannot_be_is_refused(house: House, query: str):
    """With the code of every malformed request."""
    ana = house.customer()
    answer = house.http.get(f"/v1/usage?{query}", headers={"authorization": f"Bearer {ana.secret}"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request_error"


def test_limits_are_told_as_openai_tells_them(house: House):
    """Of the free tier: three requests a second, a million tokens a minute; none have no header."""
    good = house.sell(polite)
    free, unlimited = house.customer(tier="free"), house.customer()
    told, untold = (
        c.client.chat.completions.with_raw_response.create(model=good.name, messages=HELLO).headers
        for c in (free, unlimited)
    )

    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-limit-tokens"]) == (
        "3",
        "1000000",
    )
    assert told["x-ratelimit-remaining-requests"] == "2"
    assert int(told["x-ratelimit-remaining-tokens"]) < 1_000_000
    assert told["x-ratelimit-reset-requests"].endswith("s")
    assert told["x-ratelimit-reset-tokens"] == "1m0s"
    assert not [name for name in untold if name.startswith("x-ratelimit")]


def test_a_stream_tells_the_limits_in_its_head(house: House):
    """They stand at admission."""
    ana, good = house.customer(tier="free"), house.sell(polite)
    answer = house.post(ana, {"model": good.name, "messages": HELLO, "stream": True})

    assert answer.headers["x-ratelimit-remaining-requests"] == "2"


def test_free_is_a_price_of_zero_that_somebody_typed(house: House):
    """Even an empty wallet may call such a model."""
    ana, good = house.customer(credits_=0), house.sell(polite, sell=FREE)
    raw = ana.client.chat.completions.with_raw_response.create(model=good.name, messages=HELLO)

    assert (raw.headers["x-grip-credits"], raw.headers["x-grip-cost-nano"]) == ("0", "0")
    assert [row.cost_nano for row in house.usage(ana)] == [0]
