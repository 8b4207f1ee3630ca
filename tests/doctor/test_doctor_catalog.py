"""What `grip doctor` finds about models, channels and margins."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from grip.ids import IdSource
from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import channels, models
from grip.services.context import Context
from grip.services.doctor import Finding, catalog, reach, secrets
from grip.settings import load
from grip.store import health
from grip.store.engine import Database
from grip.store.health import Ailment
from grip.store.records import Channel
from tests.conftest import FakeClock

PRICE = Rates(input_nano=NANO, output_nano=NANO)


@pytest.fixture
async def context(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Context]:
    """The surroundings of a use case; what is looked at here is the same on both engines."""
    database = Database(sqlite_url)
    yield Context(database=database, settings=load(environ={}), clock=clock, ids=IdSource())
    await database.close()


async def _channel(context: Context, name: str, **values: object) -> Channel:
    draft = channels.Draft(name=name, kind="sandbox", **values)  # type: ignore[arg-type]
    return await channels.add(context, draft, actor="test")


async def _model(context: Context, name: str, **values: object) -> None:
    usual: dict[str, object] = {"type": "chat", "sell": PRICE, "max_output": 100}
    draft = models.Draft(name=name, **usual | values)  # type: ignore[arg-type]
    await models.add(context, draft, actor="test")


def _told(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.state, one.sentence) for one in found]


async def test_what_can_be_called_is_fine(context: Context):
    """Models with price and channel, and a disabled one whatever it lacks."""
    await _channel(context, "one")
    await _model(context, "gpt")
    await _model(context, "off", sell=Rates(), enabled=False)

    for check in (catalog.models, catalog.channels, catalog.margins):
        assert [one.state for one in await check(context)] == ["ok"]


async def test_models_that_nobody_can_call_are_named(context: Context):
    """Without a price, without a channel, with sick ones alone, and those without a bound."""
    one = await _channel(context, "one")
    await _model(context, "unpriced", sell=Rates(input_nano=1))
    await _model(context, "orphan", groups=["other"])
    await _model(context, "boundless", max_output=None)
    await _model(context, "gpt")
    await _model(context, "falls-back", groups=["other"], fallbacks=["gpt"])
    ailment = Ailment(
        channel_id=one.id,
        model="gpt",
        is_sick=True,
        reason="status_503",
        since_us=1,
        until_us=2,
        level=0,
        changed_us=1,
    )
    async with context.database.write() as connection:
        await health.put(connection, ailment)
    found = _told(await catalog.models(context))

    assert [(state, sentence.rpartition(": ")[2]) for state, sentence in found] == [
        ("warning", "unpriced."),
        ("error", "orphan."),
        ("warning", "gpt."),
        ("warning", "boundless."),
    ]


async def test_a_long_list_of_names_is_cut(context: Context):
    """A sentence stays one."""
    for number in range(12):
        await _model(context, f"m{number:02}")
    (found,) = await catalog.models(context)

    assert found.sentence.endswith("m08, m09 and 2 more.")


async def test_channels_that_no_call_can_come_to_are_named(context: Context):
    """For their groups, their types, or the tiers; what was switched off is no trouble."""
    tiers = {name: replace(tier, groups=("default",)) for name, tier in load().tiers.items()}
    context = replace(context, settings=replace(context.settings, tiers=tiers))
    await _channel(context, "used")
    await _channel(context, "alone", groups=["alone"])
    await _channel(context, "mute", types=["image"])
    await _channel(context, "barred", groups=["secret"])
    off = await _channel(context, "off", groups=["alone"])
    await channels.disable(context, off.id, actor="test")
    await _model(context, "gpt", groups=["default", "secret"])
    found = _told(await catalog.channels(context))
    await channels.remove(context, "alone", actor="test")
    await channels.remove(context, "mute", actor="test")
    await channels.remove(context, "barred", actor="test")

    assert {state for state, _ in found} == {"warning"}
    assert sorted(" ".join(sentence.split()[:3]) for _, sentence in found) == [
        "alone serves no",
        "barred serves nobody:",
        "mute serves no",
    ]
    assert _told(await catalog.channels(context)) == [
        ("ok", "Calls can come to every channel that is enabled; disabled: off.")
    ]


async def test_what_is_sold_below_its_cost_is_named(context: Context):
    """With the channel and the unit."""
    await _channel(context, "one")
    await _model(context, "gpt", buy=Rates(input_nano=NANO + 1, output_nano=NANO))

    assert _told(await catalog.margins(context)) == [
        ("warning", "Sold for less than it costs: gpt on one (input).")
    ]


async def test_secrets_of_enabled_channels_are_looked_at(context: Context):
    """One that leads nowhere is an error, with the channel that has it."""
    for name in ("one", "off"):
        draft = channels.Draft(name=name, kind="openai", secret="env:GRIP_TEST_NOWHERE")
        await channels.add(context, draft, actor="test")
    await channels.disable(context, "off", actor="test")
    (found,) = await secrets.of_channels(context)
    await channels.disable(context, "one", actor="test")

    assert (found.name, found.state) == ("channel_secrets", "error")
    assert found.sentence.startswith("channel one: the secret env:GRIP_TEST_NOWHERE is not there")
    assert [one.state for one in await secrets.of_channels(context)] == ["ok"]


async def test_upstreams_are_dialled_and_asked_nothing(
    context: Context, monkeypatch: pytest.MonkeyPatch
):
    """One that listens is there, one that does not, or is no TLS, or says nothing, is not."""
    monkeypatch.setattr(reach, "_TIMEOUT_S", 0.2)
    heard: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.write(b"no TLS here\n")
        writer.close()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    silent = await asyncio.start_server(stall, "127.0.0.1", 0)
    gone = await asyncio.start_server(stall, "127.0.0.1", 0)
    ports = [one.sockets[0].getsockname()[1] for one in (server, silent, gone)]
    gone.close()
    await gone.wait_closed()
    addresses = {
        "plain": f"http://127.0.0.1:{ports[0]}/v1",
        "no-tls": f"https://127.0.0.1:{ports[0]}/v1",
        "silent": f"https://127.0.0.1:{ports[1]}/v1",
        "gone": f"http://127.0.0.1:{ports[2]}/v1",
        "no-name": f"http://{'x' * 64}.example/v1",
    }
    for name, address in addresses.items():
        draft = channels.Draft(name=name, kind="openai", base_url=address)
        await channels.add(context, draft, actor="test")
    found = {one.sentence.split()[0]: one for one in await reach.check(context)}
    for one in (server, silent):
        one.close()
        await one.wait_closed()

    assert sorted(found) == ["gone", "no-name", "no-tls", "silent"]
    assert {one.state for one in found.values()} == {"error"}
    assert "nobody answered within" in found["silent"].sentence
    assert "TLS failed" in found["no-tls"].sentence
    assert b"" in heard
