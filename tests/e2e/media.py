"""Media models of the sandbox's, and what customers do with their tasks."""

import threading
from typing import Any

import httpx2

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import channels, models
from tests.e2e.house import Customer, House

EACH = 40
RATES = {
    "image": Rates(image_nano=EACH * NANO),
    "video": Rates(second_nano=EACH * NANO),
    "audio": Rates(character_nano=EACH * NANO),
}
INPUTS: dict[str, dict[str, Any]] = {
    "image": {"prompt": "A cat"},
    "video": {"prompt": "A cat", "seconds": 2},
    "audio": {"input": "A cat"},
}


def sell(house: House, does: str = "", kind: str = "image") -> str:
    """Offer a model of the sandbox's that does so; return its name."""
    name = f"{kind}-{does or 'well'}".replace("=", "-").replace("&", "-").replace("_", "-")
    if name in {model.name for model in house.do(models.list_models)}:
        return name
    channel = channels.Draft(
        name=name, kind="sandbox", groups=[name], model_map={name: f"sandbox?{does}"}
    )
    house.do(channels.add, channel, actor="test")
    draft = models.Draft(name=name, type=kind, sell=RATES[kind], groups=[name])
    house.do(models.add, draft, actor="test")
    return name


def begin(house: House, customer: Customer, model: str, kind: str = "image", **more: Any) -> Any:
    """Begin a task, and return it as it is shown."""
    body = {"model": model, "input": INPUTS[kind]} | more
    answer = house.post(customer, body, path="/v1/tasks")
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(house: House, customer: Customer, path: str, **headers: str) -> httpx2.Response:
    """Get what is at `path`, with the customer's key."""
    key = {"authorization": f"Bearer {customer.secret}"}
    return house.http.get(path, headers=key | headers)


def ended(house: House, customer: Customer, task_id: str) -> Any:
    """Look until the task is over, as customers do."""
    pause, found = threading.Event(), None
    for _ in range(300):
        found = get(house, customer, f"/v1/tasks/{task_id}").json()
        if found["status"] in ("completed", "failed"):
            return found
        pause.wait(0.2)
    raise AssertionError(f"not over yet: {found}")
