"""Who may call which route: every route has a rule in docs/security.md, and an example here.

A stranger is whoever holds a good key of another customer's. What is not theirs does not exist for
them: what they are told is what they would be told of a name that was made up.
"""

import types
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from litestar import Litestar

from grip.clock import system_clock
from grip.services import accounts, keys, members
from grip.settings import Settings
from grip.web.app import _framework
from grip.web.routes.hooks import is_hook
from grip.web.routes.metered import SURFACES
from grip.web.routes.results import is_result
from grip.web.routes.webhooks import is_webhook
from tests.e2e.house import HELLO, Customer, House
from tests.e2e.media import begin, ended, sell
from tests.e2e.scripts import polite
from tests.security_page import rules

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True, scope="session")

BARE = {
    "GET /v1/tasks/{task_id}/results/{n}": is_result,
    "GET /v1/videos/{video_id}/content": is_result,
    "POST /hooks/up/{kind}/{task}/{token}": is_hook,
    "POST /webhooks/{provider}": is_webhook,
}
"""What stands before the framework, beside the metered routes."""

EXAMPLES: dict[str, Callable[[str], tuple[str, str]]] = {
    "GET /v1/tasks/{task_id}": lambda name: ("GET", f"/v1/tasks/{name}"),
    "POST /v1/tasks/{task_id}/cancel": lambda name: ("POST", f"/v1/tasks/{name}/cancel"),
    "GET /v1/tasks/{task_id}/results/{n}": lambda name: ("GET", f"/v1/tasks/{name}/results/0"),
    "GET /v1/videos/{video_id}": lambda name: ("GET", f"/v1/videos/{name}"),
    "GET /v1/videos/{video_id}/content": lambda name: ("GET", f"/v1/videos/{name}/content"),
    "DELETE /v1/videos/{video_id}": lambda name: ("DELETE", f"/v1/videos/{name}"),
}
"""The routes of one thing of a customer's, each with how it is asked for by its id."""

NOBODY = "task_" + "0" * 32


def _served() -> set[str]:
    """Return every route that a gateway answers on, with its method."""
    app: Litestar = _framework(types.SimpleNamespace(settings=Settings()))  # type: ignore[arg-type]
    return {
        f"{method} {route.path_format}"
        for route in app.routes
        for method in route.methods
        if method not in ("HEAD", "OPTIONS")
    } | {f"POST {path}" for path in SURFACES}


def _who(*words: str) -> list[str]:
    return sorted(route for route, rule in rules().items() if rule in words)


def _ask(house: House, method: str, path: str, secret: str | None) -> httpx2.Response:
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    return house.http.request(method, path, headers=headers)


def _filled(route: str) -> tuple[str, str]:
    method, path = route.split(" ")
    for name in ("{task_id}", "{video_id}", "{name}"):
        path = path.replace(name, NOBODY)
    return method, path.replace("{n}", "0")


def _film(house: House, customer: Customer, kind: str = "video") -> str:
    task = begin(house, customer, sell(house, kind=kind), kind)["id"]
    assert ended(house, customer, task)["status"] == "completed"
    return str(task)


@pytest.mark.usefixtures("house")
def test_every_route_has_a_rule_and_every_rule_a_route():
    """A new route is written down in docs/security.md, with who may call it."""
    assert set(rules()) == _served() | set(BARE)
    assert all(is_bare(route.split(" ")[1].replace("{n}", "0")) for route, is_bare in BARE.items())


@pytest.mark.usefixtures("house")
def test_every_route_of_one_thing_has_an_example_of_a_stranger():
    """So that the walk below leaves out none."""
    assert set(_who("its customer")) == set(EXAMPLES)


def _dead(house: House) -> dict[str, str | None]:
    """Return keys that are good for nothing, by what is wrong with them."""
    revoked, disabled, expired, ana, bob = (house.customer() for _ in range(5))
    house.do(keys.revoke, revoked.key_id, actor="test")
    house.do(accounts.disable, disabled.email, actor="test")
    house.do(members.add, ana.wallet_id, bob.email, actor="test")
    of_member = house.do(keys.create, ana.wallet_id, actor="test", name="b", member=bob.email)
    house.do(members.remove, ana.wallet_id, bob.email, actor="test")
    over = system_clock() + 50_000
    late = house.do(keys.create, expired.email, actor="test", name="late", expires_us=over)
    while system_clock() <= house.do(keys.get, late.key.id).expires_us:
        pass
    return {
        "none": None,
        "a word": "x",
        "made up": "sk-grip-" + "a" * 43,
        "an id": ana.key_id,
        "revoked": revoked.secret,
        "of a disabled account": disabled.secret,
        "of a member who left": of_member.secret,
        "expired": late.secret,
    }


def test_no_route_that_wants_a_key_takes_a_dead_one(house: House):
    """Before anything else of the request is looked at."""
    dead = _dead(house)
    routes = _who("key", "its customer")
    assert len(routes) > 20
    for route in routes:
        for what, secret in dead.items():
            answer = _ask(house, *_filled(route), secret)
            told = route, what, answer.text

            assert answer.status_code == 401, told
            assert "invalid_api_key" in answer.text, told


def test_what_is_another_customers_is_nowhere(house: House):
    """On no route is it seen, stopped or let go of; nor is it told that it is there."""
    ana, eve = house.customer(), house.customer()
    task = _film(house, ana)
    for route, example in EXAMPLES.items():
        foreign = _ask(house, *example(task), eve.secret)
        nothing = _ask(house, *example(NOBODY), eve.secret)

        assert foreign.status_code == nothing.status_code == 404, route
        assert foreign.text.replace(task, NOBODY) == nothing.text, route
    for route, example in EXAMPLES.items():
        if "cancel" not in route:
            assert _ask(house, *example(task), ana.secret).status_code == 200, route


def test_what_is_another_members_is_the_owners_too_and_nobody_elses(house: House):
    """A member sees their own; the owner of the wallet sees all of it."""
    ana = house.customer()
    secrets = []
    for name in ("bob", "carol"):
        account = house.customer()
        house.do(members.add, ana.wallet_id, account.email, actor="test")
        made = house.do(keys.create, ana.wallet_id, actor="test", name=name, member=account.email)
        secrets.append(made.secret)
    bob, carol = secrets
    holder = Customer(
        email=ana.email, wallet_id=ana.wallet_id, key_id="", secret=bob, client=ana.client
    )
    task = _film(house, holder)
    for route, example in EXAMPLES.items():
        assert _ask(house, *example(task), carol).status_code == 404, route
    for secret, seen in ((bob, [task]), (carol, []), (ana.secret, [task])):
        for path in ("/v1/tasks", "/v1/videos"):
            found = _ask(house, "GET", path, secret).json()["data"]

            assert [one["id"] for one in found] == seen, path
        charged = _ask(house, "GET", "/v1/usage", secret).json()["data"]
        assert [row["request_id"] for row in charged] == seen


def test_lists_have_nothing_of_a_stranger(house: House):
    """Wallet, usage, tasks and videos are those of the key's own wallet."""
    ana, eve = house.customer(), house.customer()
    good = house.sell(polite)
    task = _film(house, ana)
    assert house.post(ana, {"model": good.name, "messages": HELLO}).status_code == 200

    for path in ("/v1/usage", "/v1/tasks", "/v1/videos"):
        assert _ask(house, "GET", path, eve.secret).json()["data"] == []
    for path in (f"/v1/tasks?after={task}", f"/v1/videos?after={task}"):
        assert _ask(house, "GET", path, eve.secret).status_code == 404
    assert _ask(house, "GET", "/v1/wallet", eve.secret).json()["id"] == eve.wallet_id


def test_an_idempotency_key_is_its_api_keys_own(house: House):
    """Who guesses another customer's pays for a call of their own, and is told nothing."""
    ana, eve = house.customer(), house.customer()
    good, model = house.sell(polite), sell(house)
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/v1/chat/completions", {"model": good.name, "messages": HELLO}),
        ("/v1/tasks", {"model": model, "input": {"prompt": "A cat"}}),
    ]
    for path, body in bodies:
        first, second = (
            house.http.post(
                path,
                json=body,
                headers={
                    "authorization": f"Bearer {one.secret}",
                    "idempotency-key": f"order{path}",
                },
            )
            for one in (ana, eve)
        )

        assert (first.status_code, second.status_code) == (200, 200)
        assert "idempotent-replayed" not in second.headers
        assert first.headers["x-grip-request-id"] != second.headers["x-grip-request-id"]
    assert good.calls == [2]


def test_a_key_opens_no_route_that_is_not_for_keys(house: House):
    """Vendors, payment providers and the operator prove themselves in other ways."""
    ana = house.customer()
    task = _film(house, ana)
    headers = {"authorization": f"Bearer {ana.secret}", "via": "a proxy"}
    for path in (f"/hooks/up/sandbox/{task}/{'a' * 43}", f"/hooks/up/fal/{NOBODY}/{'a' * 43}"):
        assert house.http.post(path, json={}, headers=headers).status_code == 401
    assert house.http.post("/webhooks/stripe", json={}, headers=headers).status_code == 404
    assert house.http.get("/sandbox/checkout/made.up", headers=headers).status_code == 404
    assert house.http.get("/metrics", headers=headers).status_code == 403
