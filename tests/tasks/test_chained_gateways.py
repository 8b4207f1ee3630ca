"""A gateway whose upstream is another gateway.

Report 20 (new-api#5977): what the inner one made is lost on the way through the outer one.
"""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grip.clock import system_clock
from tests.conftest import FakeClock
from tests.tasks import served
from tests.tasks.served import EACH, Customer, Gateway


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Who sells, and who resells; the outer one is a customer of the inner one."""

    inner: Gateway
    outer: Gateway
    reseller: Customer
    mode: str


@pytest.fixture(scope="module")
def inner_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database of the inner one's own."""
    path = tmp_path_factory.mktemp("inner") / "grip.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="module", params=["store", "proxy"])
async def chain(
    request: pytest.FixtureRequest,
    module_url: str,
    inner_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Chain]:
    """Two gateways, of which the outer one keeps results or passes them on, on each engine."""
    clock, folder = FakeClock(system_clock()), tmp_path_factory.mktemp("chain")
    async with (
        served.gateway(folder / "in", inner_url, clock) as inner,
        served.gateway(folder / "out", module_url, clock, mode=request.param) as outer,
    ):
        reseller = await inner.customer()
        (folder / "key").write_text(reseller.secret)
        for name, does in (("film", "delay_s=8"), ("bad-film", "fail=policy")):
            sold = f"{request.param}-{name}-{module_url.partition(':')[0]}"
            await inner.sell(f"inner-{sold}", kind="sandbox", upstream=f"sandbox?{does}")
            await outer.sell(
                f"{request.param}-{name}",
                kind="openai",
                base_url=f"{inner.url}/v1",
                secret=f"file:{folder / 'key'}",
                upstream=f"inner-{sold}",
            )
        yield Chain(inner=inner, outer=outer, reseller=reseller, mode=request.param)


async def row_of(gateway: Gateway, table: str, **where: Any) -> Any:
    """Return the one row that is meant."""
    found = await gateway.rows(table)
    (row,) = [each for each in found if where.items() <= each.items()]
    return row


async def test_a_film_comes_through_a_chain_of_gateways(chain: Chain):
    """Report 20: byte for byte, kept or passed on, in ranges too; paid for once at each.

    Who buys from the outer one sees neither address nor key nor ids of the inner one.
    """
    inner, outer, ana = chain.inner, chain.outer, await chain.outer.customer()
    asked = {"model": f"{chain.mode}-film", "prompt": "A cat", "seconds": "4"}
    begun = await outer.ask(ana, "POST", "/v1/videos", asked)
    video_id = begun.json()["id"]
    ended = await outer.ended(ana, video_id, inner)
    shown = await outer.get(ana, f"/v1/videos/{video_id}")
    path = f"/v1/videos/{video_id}/content"
    whole, part = await outer.get(ana, path), await outer.get(ana, path, range="bytes=4-7")
    row, job = (
        await row_of(outer, "task_result", task_id=video_id),
        await row_of(outer, "task", id=video_id),
    )
    inner_id = job["upstream_id"]
    made = await inner.get(chain.reseller, f"/v1/videos/{inner_id}/content")

    assert (ended["status"], shown.json()["status"]) == ("completed", "completed")
    assert (whole.status_code, whole.content) == (200, made.content)
    assert (part.status_code, part.content) == (206, made.content[4:8])
    assert whole.headers["content-type"] == "video/mp4"
    kept = f"{video_id}/0", None
    assert (row["key"], row["url"]) == (
        kept if chain.mode == "store" else (None, f"/videos/{inner_id}/content")
    )
    assert ended["credits_charged"] == 4 * EACH
    assert (await row_of(inner, "task", id=inner_id))["credits"] == 4 * EACH

    seen = [begun, shown, whole, part, await outer.get(ana, f"/v1/tasks/{video_id}")]
    for answer in seen:
        text = json.dumps(dict(answer.headers)) + answer.text
        for secret in (chain.reseller.secret, inner.place, inner_id, "inner-"):
            assert secret not in text
    assert chain.reseller.secret not in await outer.stored()


async def test_what_fails_inside_fails_outside(chain: Chain):
    """Report 20: with the inner one's reason, and given back at both."""
    inner, outer, ana = chain.inner, chain.outer, await chain.outer.customer()
    begun = await outer.begin(ana, f"{chain.mode}-bad-film")
    ended = await outer.ended(ana, begun["id"], inner)
    job = await row_of(outer, "task", id=begun["id"])

    assert (ended["status"], ended["error"]["code"]) == ("failed", "content_policy")
    assert (job["credits"], job["hold_credits"]) == (0, 4 * EACH)
    assert (await row_of(inner, "task", id=job["upstream_id"]))["credits"] == 0
