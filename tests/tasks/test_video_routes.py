"""`/v1/videos` is for videos: what else a wallet has is not there, and `variant` has one value."""

from collections.abc import AsyncIterator

import pytest

from grip.clock import system_clock
from tests.conftest import FakeClock
from tests.tasks import served
from tests.tasks.served import Customer, Gateway


@pytest.fixture(scope="module")
async def gateway(
    module_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway that sells a film and a picture of the sandbox's."""
    clock = FakeClock(system_clock())
    async with served.gateway(tmp_path_factory.mktemp("videos"), module_url, clock) as gateway:
        await gateway.sell("film", kind="sandbox", upstream="sandbox")
        await gateway.sell("drawing", kind="sandbox", type="image", upstream="sandbox")
        yield gateway


@pytest.fixture
async def ana(gateway: Gateway) -> Customer:
    return await gateway.customer()


async def made(gateway: Gateway, customer: Customer, model: str) -> str:
    """Have a task done; return its id."""
    begun = await gateway.begin(customer, model)
    assert (await gateway.ended(customer, begun["id"]))["status"] == "completed"
    return str(begun["id"])


async def test_a_picture_is_no_video(gateway: Gateway, ana: Customer):
    """It is not shown, served or deleted as one; as a task it is there as before."""
    film, drawing = await made(gateway, ana, "film"), await made(gateway, ana, "drawing")
    asked = [
        ("GET", f"/v1/videos/{drawing}"),
        ("GET", f"/v1/videos/{drawing}/content"),
        ("DELETE", f"/v1/videos/{drawing}"),
    ]
    refused = [await gateway.ask(ana, method, path) for method, path in asked]
    listed = (await gateway.get(ana, "/v1/videos")).json()["data"]
    tasks = (await gateway.get(ana, "/v1/tasks")).json()["data"]

    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in refused] == [
        (404, "not_found")
    ] * 3
    assert [video["id"] for video in listed] == [film]
    assert [task["id"] for task in tasks] == [drawing, film]
    assert (await gateway.get(ana, f"/v1/tasks/{drawing}/results/0")).status_code == 200


async def test_a_picture_under_way_is_not_stopped_as_a_video(gateway: Gateway, ana: Customer):
    """Its owner asked for something else to be stopped."""
    task_id = (await gateway.begin(ana, "drawing"))["id"]
    refused = await gateway.ask(ana, "DELETE", f"/v1/videos/{task_id}")
    ended = await gateway.ended(ana, task_id)

    assert (refused.status_code, ended["status"]) == (404, "completed")


async def test_a_video_has_one_variant(gateway: Gateway, ana: Customer):
    """What else OpenAI has of one is refused by a name of its own; a stranger learns nothing."""
    path = f"/v1/videos/{await made(gateway, ana, 'film')}/content"
    whole = await gateway.get(ana, path)
    told = {}
    for variant in ("video", "thumbnail", "spritesheet", "poster", ""):
        answer = await gateway.get(ana, f"{path}?variant={variant}")
        error = {} if answer.status_code == 200 else answer.json()["error"]
        told[variant] = (answer.status_code, error.get("code"), error.get("param"))
        assert error or answer.content == whole.content
    stranger = await gateway.get(await gateway.customer(), f"{path}?variant=thumbnail")

    assert told == {
        "video": (200, None, None),
        "thumbnail": (404, "variant_unavailable", "variant"),
        "spritesheet": (404, "variant_unavailable", "variant"),
        "poster": (400, "invalid_request_error", "variant"),
        "": (400, "invalid_request_error", "variant"),
    }
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (404, "not_found")
