"""What became of a request, once its detail is written: within a second or so after its end."""

import threading
from typing import Any

from grip import errors
from grip.services import content, explain
from grip.services.explain import Life
from tests.e2e.house import House

_TRIES = 3_000


def found(house: House, request_id: str) -> Life:
    """Return all that is known of a request, its detail among it."""
    for _ in range(_TRIES):
        try:
            life: Life = house.do(explain.find, request_id)
        except errors.NotFound:
            pass
        else:
            if life.detail is not None:
                return life
        threading.Event().wait(0.01)
    raise AssertionError(f"no detail of {request_id} was written\n{house.gateway.log}")


def told(house: House, request_id: str) -> Any:
    """Return what `grip explain --json` prints of it."""
    return explain.describe(found(house, request_id))


def read(house: House, request_id: str) -> Any:
    """Return its content, as `grip usage show --content --json` prints it."""
    found(house, request_id)
    return content.describe(house.do(content.read, request_id, actor="reader").detail)


def channels(told_: Any) -> dict[str, Any]:
    """Return the channels of the models in an explanation by their names."""
    return {
        channel["name"]: channel
        for model in told_["route"]["models"]
        for channel in model["channels"]
    }
