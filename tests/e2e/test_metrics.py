"""`/metrics` of a running gateway: what it counts of calls, and who may read it."""

import socket
import time
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from grip.money.amounts import NANO
from grip.web.routes import metrics
from tests.e2e.conftest import Open
from tests.e2e.gateway import CONFIG, SECRET
from tests.e2e.house import HELLO, House
from tests.e2e.scripts import fails, polite

Labels = frozenset[tuple[str, str]]


class Read:
    """One reading of the page."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples: dict[tuple[str, Labels], float] = {
            (one.name, frozenset(one.labels.items())): one.value
            for family in text_string_to_metric_families(text)
            for one in family.samples
        }

    def get(self, name: str, **labels: str) -> float:
        """Return a number; of several series that have these labels, their sum."""
        wanted = set(labels.items())
        return sum(
            value
            for (found, its), value in self._samples.items()
            if found == name and wanted <= its
        )


def read(http: httpx2.Client, **headers: str) -> Read:
    """Return what the page says now."""
    answer = http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return Read(answer.text)


def test_a_call_is_counted_with_its_tokens_its_money_and_its_channel(house: House):
    """Whole and streamed, by the names of the model and of the channel, and no customer's."""
    good, customer = house.sell(polite), house.customer()
    call: Any = {"model": good.name, "messages": HELLO}
    customer.client.chat.completions.create(**call)
    list(customer.client.chat.completions.create(**call, stream=True))

    found = read(house.http)

    model = {"gen_ai_request_model": good.name, "gen_ai_operation_name": "chat"}
    well = {**model, "gen_ai_provider_name": "openai", "error_type": ""}
    assert found.get("gen_ai_server_request_duration_seconds_count", **well) == 2
    assert found.get("gen_ai_server_time_to_first_token_seconds_count", **model) == 1
    channel = {**well, "channel": f"{good.name}-0"}
    assert found.get("gen_ai_client_operation_duration_seconds_count", **channel) == 2
    tokens = "gen_ai_client_token_usage_sum"
    assert found.get(tokens, **model, gen_ai_token_type="input") == 20
    assert found.get(tokens, **model, gen_ai_token_type="output") == 10
    money = {"model": good.name, "channel": f"{good.name}-0"}
    assert found.get("grip_charged_credits_total", **money) == 12
    assert found.get("grip_cost_nanocredits_total", **money) == 12 * NANO
    assert found.get("grip_batch_size_count") >= 4
    assert found.get("grip_admission_seconds_count") >= 2
    assert found.get("grip_settlement_seconds_count") >= 2
    assert found.get("grip_channel_enabled", channel=f"{good.name}-0", provider="openai") == 1
    assert found.get("grip_database_up") == found.get("grip_workers") == 1
    for name in (customer.email, customer.wallet_id, customer.key_id, customer.secret, SECRET):
        assert name not in found.text


def test_failures_are_counted_by_why(house: House):
    """Of the channel, of the call, and of what never came as far as that."""
    good, customer = house.sell(fails(503), polite), house.customer()
    before = read(house.http)
    customer.client.chat.completions.create(model=good.name, messages=HELLO)
    for model in ("nobody-sells-this", "nor-this"):
        with pytest.raises(openai.NotFoundError):
            customer.client.chat.completions.create(model=model, messages=HELLO)
    assert house.post(None, {}).status_code == 401

    found = read(house.http)

    attempts = "gen_ai_client_operation_duration_seconds_count"
    assert found.get(attempts, channel=f"{good.name}-0", error_type="status_503") == 1
    assert found.get(attempts, channel=f"{good.name}-1", error_type="") == 1
    refused = {"gen_ai_request_model": "other", "error_type": "model_not_found"}
    calls = "gen_ai_server_request_duration_seconds_count"
    assert found.get(calls, **refused) - before.get(calls, **refused) == 2
    assert "nobody-sells-this" not in found.text
    for code, times in (("model_not_found", 2), ("invalid_api_key", 1)):
        name = "grip_refusals_total"
        assert found.get(name, code=code) - before.get(name, code=code) == times


def test_the_page_is_for_no_name_but_this_machines_own(house: House):
    """A web page may have its own name lead here, and read by it what a browser can reach."""
    port = httpx2.URL(house.gateway.url).port
    for host, status in (
        ("elsewhere.example", 403),
        (f"elsewhere.example:{port}", 403),
        ("127.0.0.1.elsewhere.example", 403),
        ("localhost.elsewhere.example", 403),
        ("", 403),
        (f"localhost:{port}", 200),
        ("127.0.0.1evil.example", 403),
        ("127.0.0.999", 403),
        ("[::1", 403),
        ("[]", 403),
        ("10.0.0.1", 403),
        ("LocalHost", 200),
        ("127.0.0.2", 200),
        (f"[::1]:{port}", 200),
        ("[0:0:0:0:0:0:0:1]", 200),
    ):
        assert house.http.get("/metrics", headers={"host": host}).status_code == status, host


def test_the_page_is_for_one_name(house: House):
    """Of two, nobody knows which one a proxy went by; without any, who asks has not said."""
    first, second = b"host: localhost\r\n", b"host: elsewhere.example\r\n"
    url = httpx2.URL(house.gateway.url)
    for lines in (b"", first + second, second + first, first + first):
        with socket.create_connection((url.host, url.port)) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\n" + lines + b"\r\n")
            assert client.makefile("rb").readline().split()[1] == b"403", lines


PROXIES = (
    *(f"x-forwarded-{what}" for what in ("for", "host", "proto", "server", "prefix")),
    *("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"),
)


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::10", False),
        ("::1:2", False),
        ("::ffff:10.0.0.1", False),
        ("127.elsewhere.example", False),
        ("", False),
    ],
)
def test_an_address_is_of_this_machine_or_is_not(address: str, *, is_ours: bool):
    """By what it means, not by how it begins."""
    assert metrics._is_loopback(address) is is_ours


def test_the_page_is_for_this_machine_and_not_for_what_a_proxy_passes_on(house: House):
    """Who came through a proxy is anybody, and the proxy says so."""
    for name in PROXIES:
        answer = house.http.get("/metrics", headers={name: "127.0.0.1"})

        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "metrics_forbidden"
        assert "grip_" not in answer.text.replace("grip_metrics", "")


TOKEN = "a-token-of-the-operator"
ON_SQLITE = pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)


@ON_SQLITE
def test_with_two_workers_and_a_token(own_house: Open, tmp_path: Path):
    """Whichever is asked tells of both, and the sum never falls; nobody is told without the token.

    On this machine neither; with it, through any proxy.
    """
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    config = f'[server]\nmetrics_token = "file:{secret}"\n' + CONFIG
    with own_house("--workers", "2", config=config) as house:
        good, customer = house.sell(polite), house.customer()
        name, calls = "gen_ai_server_request_duration_seconds_count", 12
        for _ in range(calls):
            with house.fresh_http() as http:
                _call(http, customer.secret, good.name)
        deadline, last, workers = time.monotonic() + 30, 0.0, 0.0
        while (last, workers) != (calls, 2) and time.monotonic() < deadline:
            with house.fresh_http() as http:
                found = read(http, authorization=f"Bearer {TOKEN}", via="1.1 proxy")
            counted = found.get(name, gen_ai_request_model=good.name)
            assert last <= counted <= calls
            last, workers = counted, found.get("grip_workers")
        assert (last, workers) == (calls, 2)

        for sent in ({}, {"authorization": "Bearer another"}, {"authorization": TOKEN}):
            assert house.http.get("/metrics", headers=sent).status_code == 403
        secret.unlink()
        known = {"authorization": f"Bearer {TOKEN}"}
        assert house.http.get("/metrics", headers=known).status_code == 403


def _call(http: httpx2.Client, secret: str, model: str) -> None:
    answer = http.post(
        "/v1/chat/completions",
        json={"model": model, "messages": HELLO},
        headers={"authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 200
