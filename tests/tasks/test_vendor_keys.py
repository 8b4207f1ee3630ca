"""Where the vendor's key goes, for each vendor: to the vendor, in a header, and nowhere else.

Report 44 (puter#3828): the vendor's key in URLs, callbacks and redirects.
"""

import json
from collections.abc import AsyncIterator

import pytest

from grip.clock import system_clock
from tests.conftest import FakeClock
from tests.tasks import served
from tests.tasks.served import FILM, Gateway, Vendor

KEY = "sk-vendor-0123456789"
VENDORS = {"openai": "/v1", "replicate": "/v1", "fal": ""}
SCHEMES = {"openai": "Bearer", "replicate": "Bearer", "fal": "Key"}


@pytest.fixture(scope="module", params=["store", "proxy"])
async def place(
    request: pytest.FixtureRequest, module_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Gateway, Vendor]]:
    """A gateway over a vendor of each wire, whose results are kept, or passed on."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "key").write_text(KEY)
    clock = FakeClock(system_clock())
    async with (
        served.vendor() as vendor,
        served.gateway(
            folder, module_url, clock, allow=(vendor.cdn,), mode=request.param
        ) as gateway,
    ):
        for kind, base in VENDORS.items():
            await gateway.sell(
                f"{kind}-{request.param}",
                kind=kind,
                upstream="owner/film",
                base_url=f"http://{vendor.api}{base}",
                secret=f"file:{folder / 'key'}",
            )
        yield gateway, vendor


@pytest.mark.parametrize("kind", list(VENDORS))
async def test_the_vendor_s_key_goes_to_the_vendor_alone(
    place: tuple[Gateway, Vendor], kind: str, request: pytest.FixtureRequest
):
    """Report 44: in the header of its API; no other host, address, row, callback or answer has it.

    Results lie at another host: a link to it, or a redirect of the vendor's own.
    """
    gateway, vendor = place
    vendor.recover()
    vendor.moves = True
    ana, mode = await gateway.customer(), request.node.callspec.params["place"]
    url = f"http://{vendor.cdn}/hook"
    begun = await gateway.begin(ana, f"{kind}-{mode}", callback_url=url)
    ended = await gateway.ended(ana, begun["id"])
    assert ended["status"] == "completed", ended
    got = await gateway.get(ana, ended["results"][0]["url"])
    (callback,) = [
        each for each in await gateway.rows("callback") if each["task_id"] == begun["id"]
    ]

    assert (got.status_code, got.content) == (200, FILM)
    shown = {f"{SCHEMES[kind]} {KEY}"}
    assert {heads["authorization"] for at, *_, heads in vendor.asked if at == vendor.api} == shown
    to_cdn = [heads for at, *_, heads in vendor.asked if at == vendor.cdn]
    assert to_cdn
    assert KEY not in json.dumps(to_cdn)
    assert not [target for _, _, target, _ in vendor.asked if KEY in target]
    assert KEY not in callback["body"].decode()
    assert vendor.api not in callback["body"].decode()
    assert KEY not in json.dumps([begun, ended, dict(got.headers)])
    assert KEY not in await gateway.stored()


async def test_a_vendor_that_repeats_its_key_is_not_repeated(
    place: tuple[Gateway, Vendor], request: pytest.FixtureRequest
):
    """Report 44: as some do with one that they refuse; the customer is told nothing of it."""
    gateway, vendor = place
    vendor.recover()
    vendor.echoes = True
    ana, mode = await gateway.customer(), request.node.callspec.params["place"]
    begun = [await gateway.begin(ana, f"{kind}-{mode}") for kind in VENDORS]
    ended = [await gateway.ended(ana, each["id"], step_s=120) for each in begun]
    await gateway.app.health.run()

    told = [(each["status"], each["error"]["code"]) for each in ended]
    assert told == [("failed", "config_error")] * len(VENDORS)
    assert len(await gateway.rows("channel_health")) >= len(VENDORS)
    assert KEY not in json.dumps(ended)
    assert KEY not in await gateway.stored()
