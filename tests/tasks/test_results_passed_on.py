"""Results that are left at their vendors, from their owner's GET to the vendor's own answer."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from grip.clock import system_clock
from grip.services import channels
from tests.conftest import FakeClock
from tests.tasks import served
from tests.tasks.served import FILM, PICTURE, Customer, Gateway, Vendor

HOUR_S = 3600
DAY_S = 24 * HOUR_S
KEY = "sk-vendor-0123456789"


@pytest.fixture(scope="module")
async def place(
    module_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Gateway, Vendor]]:
    """A gateway that keeps nothing, over a vendor with an API and a network of files."""
    folder = tmp_path_factory.mktemp("passed_on")
    clock = FakeClock(system_clock())
    async with (
        served.vendor() as vendor,
        served.gateway(folder, module_url, clock, allow=(vendor.cdn,), mode="proxy") as gateway,
    ):
        base: dict[str, Any] = {"base_url": f"http://{vendor.api}/v1"}
        base["secret"] = f"file:{folder / 'key'}"
        await gateway.sell("film", kind="openai", **base)
        await gateway.sell("lost", kind="openai", **base)
        await gateway.sell("other", kind="openai", **base)
        await gateway.sell("linked", kind="replicate", upstream="a/film", **base)
        await gateway.sell("drawing", kind="openai", type="image", **base)
        yield gateway, vendor


@pytest.fixture
def gateway(place: tuple[Gateway, Vendor], key: Path) -> Gateway:
    """The gateway at the database's own time, and its vendor well again."""
    gateway, vendor = place
    vendor.recover()
    gateway.clock.now_us = system_clock()
    key.write_text(KEY)
    return gateway


@pytest.fixture
def vendor(place: tuple[Gateway, Vendor]) -> Vendor:
    """Its vendor."""
    return place[1]


@pytest.fixture
def key(place: tuple[Gateway, Vendor]) -> Path:
    """Where the operator keeps the vendor's key."""
    return place[0].folder / "key"


@pytest.fixture
async def ana(gateway: Gateway) -> Customer:
    return await gateway.customer()


def now_is(key: Path, secret: str) -> None:
    """Change the vendor's key, as operators do."""
    key.write_text(secret)


async def row_of(gateway: Gateway, result: Any) -> Mapping[str, Any]:
    """Return the row of a result."""
    task_id = result["url"].split("/")[3]
    (row,) = [each for each in await gateway.rows("task_result") if each["task_id"] == task_id]
    return row


async def made(gateway: Gateway, customer: Customer, model: str = "film") -> Any:
    """Have a task done; return its one result as it is shown."""
    begun = await gateway.begin(customer, model)
    found = await gateway.ended(customer, begun["id"])
    assert found["status"] == "completed", found
    (result,) = found["results"]
    return result


async def test_a_result_is_passed_on_with_the_channel_s_key(
    gateway: Gateway, vendor: Vendor, ana: Customer, key: Path
):
    """Nothing of it is kept but where it lies; who asks is given what the vendor has."""
    result = await made(gateway, ana)
    got = await gateway.get(ana, result["url"])
    row = await row_of(gateway, result)

    assert (got.status_code, got.content) == (200, FILM)
    assert got.headers["content-type"] == result["content_type"] == "video/mp4"
    assert got.headers["cache-control"] == "private"
    assert result["bytes"] == len(FILM)
    assert (row["key"], row["url"]) == (None, f"/videos/job-{vendor.jobs}/content")
    assert not gateway.keeps(row["task_id"])
    assert [heads["authorization"] for heads in vendor.fetches()] == [f"Bearer {KEY}"] * 2


async def test_a_range_is_asked_of_the_vendor(gateway: Gateway, vendor: Vendor, ana: Customer):
    """As players do; a HEAD asks nobody."""
    result = await made(gateway, ana)
    asked = len(vendor.fetches())
    head = await gateway.ask(ana, "HEAD", result["url"])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(FILM)))
    assert len(vendor.fetches()) == asked
    part = await gateway.get(ana, result["url"], range="bytes=4-7")

    assert (part.status_code, part.content) == (206, FILM[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(FILM)}"
    assert vendor.fetches()[-1]["range"] == "bytes=4-7"


async def test_nobody_else_is_given_it(gateway: Gateway, vendor: Vendor, ana: Customer):
    """And for nobody else the vendor is asked."""
    result, stranger = await made(gateway, ana), await gateway.customer()
    asked = len(vendor.asked)
    answers = [
        await gateway.get(stranger, result["url"]),
        await gateway.http.get(result["url"]),
    ]

    assert [answer.status_code for answer in answers] == [404, 401]
    assert len(vendor.asked) == asked


async def test_the_key_of_today_is_sent(gateway: Gateway, vendor: Vendor, ana: Customer, key: Path):
    """The one of yesterday may be revoked."""
    result = await made(gateway, ana)
    now_is(key, "sk-new")
    assert (await gateway.get(ana, result["url"])).content == FILM

    assert vendor.fetches()[-1]["authorization"] == "Bearer sk-new"


async def test_what_the_vendor_refuses_has_a_name(gateway: Gateway, vendor: Vendor, ana: Customer):
    """In the shape of every error; nothing of the vendor's is shown."""
    result, told = await made(gateway, ana), {}
    for vendor.status in (404, 410, 401, 500):
        got = await gateway.get(ana, result["url"])
        told[vendor.status] = (got.status_code, got.json()["error"]["code"])
        assert set(got.json()["error"]) == {"message", "type", "param", "code"}
        assert vendor.api not in got.text

    gone, unavailable = (404, "result_gone"), (503, "result_unavailable")
    assert told == {404: gone, 410: gone, 401: unavailable, 500: unavailable}


async def test_a_result_that_breaks_off_is_cut(gateway: Gateway, vendor: Vendor, ana: Customer):
    """After the first byte there is no other answer, and no part is told to be the whole."""
    result = await made(gateway, ana)
    vendor.cut = 100

    with pytest.raises(httpx2.RemoteProtocolError):
        await gateway.get(ana, result["url"])


async def test_what_comes_as_bytes_is_kept_all_the_same(gateway: Gateway, ana: Customer):
    """Nobody else has it."""
    result = await made(gateway, ana, "drawing")
    row = await row_of(gateway, result)

    assert (await gateway.get(ana, result["url"])).content == PICTURE
    assert (row["url"], row["expires_us"] - row["created_us"]) == (None, 30 * DAY_S * 10**6)
    assert gateway.keeps(row["task_id"])


async def test_a_vendor_s_lifetime_is_the_result_s(gateway: Gateway, ana: Customer):
    """Then it is gone for its owner too, and swept as any other."""
    result = await made(gateway, ana)
    assert result["expires_at"] == gateway.clock() // 10**6 + HOUR_S
    gateway.clock.advance(HOUR_S)

    assert (await gateway.get(ana, result["url"])).status_code == 404
    assert (await gateway.app.tasks.sweep()).failed == 0
    assert (await row_of(gateway, result))["deleted_us"] == gateway.clock()


@pytest.mark.parametrize(
    ("told", "kept_s"),
    [
        (7 * DAY_S, 7 * DAY_S),
        (400 * DAY_S, 30 * DAY_S),
        (-5, HOUR_S),
        (10**15, HOUR_S),
        ("tomorrow", HOUR_S),
    ],
)
async def test_what_the_vendor_itself_says_of_its_time_counts(
    gateway: Gateway, vendor: Vendor, ana: Customer, told: Any, kept_s: int
):
    """Within the operator's own bound, and where it is a time to come."""
    now_s = gateway.clock() // 10**6
    vendor.expires_at = now_s + told if isinstance(told, int) else told
    result = await made(gateway, ana)

    # It was fetched a few looks later than the vendor was told.
    assert now_s + kept_s <= result["expires_at"] <= now_s + kept_s + 30


async def test_a_link_outlives_its_channel_and_a_path_does_not(gateway: Gateway, ana: Customer):
    """A link takes no key; a path has nobody to ask."""
    linked, film = await made(gateway, ana, "linked"), await made(gateway, ana, "lost")
    for name in ("linked", "lost"):
        await channels.remove(gateway.app.context, name, actor="test")
    lost = await gateway.get(ana, film["url"])

    assert (await gateway.get(ana, linked["url"])).content == FILM
    assert (lost.status_code, lost.json()["error"]["code"]) == (503, "result_unavailable")


async def test_a_key_that_cannot_be_read_is_no_customer_s_business(
    gateway: Gateway, ana: Customer, key: Path
):
    """Who calls is not told where the operator keeps it."""
    result = await made(gateway, ana)
    now_is(key, "")
    got = await gateway.get(ana, result["url"])

    assert (got.status_code, got.json()["error"]["code"]) == (503, "result_unavailable")
    assert str(key) not in got.text


async def test_a_channel_of_another_kind_is_not_asked(
    gateway: Gateway, vendor: Vendor, ana: Customer
):
    """It knows nothing of the task, and its key is for another vendor."""
    result = await made(gateway, ana, "other")
    await channels.change(
        gateway.app.context,
        "other",
        {"kind": "fal", "base_url": f"http://{vendor.api}"},
        actor="test",
    )
    asked = len(vendor.asked)

    assert (await gateway.get(ana, result["url"])).status_code == 503
    assert len(vendor.asked) == asked


async def test_videos_are_read_so_too(gateway: Gateway, ana: Customer):
    """By the route of OpenAI's API."""
    result = await made(gateway, ana)
    task_id = result["url"].split("/")[3]

    assert (await gateway.get(ana, f"/v1/videos/{task_id}/content")).content == FILM
