"""What becomes of the rows that say with what a channel is sick."""

import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from grip.gateway import health as gateway_health
from grip.gateway.health import Health, HealthShare
from grip.services import channels
from grip.services.context import Context
from grip.store import health
from grip.store.health import Ailment
from grip.store.records import Channel
from tests.conftest import FakeClock

RELAPSE_S = 600

Sicken = Callable[..., Awaitable[Ailment]]


@pytest.fixture
async def one(context: Context) -> Channel:
    """A channel."""
    return await channels.add(context, channels.Draft(name="one", kind="sandbox"), actor="test")


@pytest.fixture
def sicken(context: Context, one: Channel, clock: FakeClock) -> Sicken:
    """Makes the channel sick with a model, for a reason."""

    async def sicken(model: str, reason: str = "status_503") -> Ailment:
        ailment = Ailment(
            channel_id=one.id,
            model=model,
            is_sick=True,
            reason=reason,
            since_us=clock(),
            until_us=clock(),
            level=0,
            changed_us=clock(),
        )
        await put(context, ailment)
        return ailment

    return sicken


async def put(context: Context, ailment: Ailment) -> None:
    async with context.database.write() as connection:
        await health.put(connection, ailment)


async def rows(context: Context) -> list[str]:
    """Return the models of all rows, of the sick and of the well."""
    async with context.database.read() as connection:
        return sorted(ailment.model for ailment in await health.load(connection))


async def sick(context: Context, one: Channel) -> list[str]:
    """Return the models that the channel is sick with."""
    found = (await channels.ailments(context)).get(one.id, [])
    return sorted(ailment.model for ailment in found)


def share(context: Context, clock: FakeClock) -> HealthShare:
    return HealthShare(context.database, Health(clock), clock)


async def test_an_answer_ends_what_it_disproves(context, one, sicken, clock):
    """The way to the vendor is the same for all models; whether one is broken is its own affair."""
    other = await channels.add(context, channels.Draft(name="b", kind="sandbox"), actor="test")
    for model, reason in (
        ("asked", "status_503"),
        ("broken", "garbage"),
        ("busy", "status_429"),
        ("slow", "timeout"),
        ("unreached", "connect"),
        ("locked", "secret"),
        ("stranger", "status_401"),
        ("unpaid", "status_402"),
    ):
        ailment = await sicken(model, reason)
        await put(context, dataclasses.replace(ailment, channel_id=other.id))
    clock.advance(1)
    await channels.answered(context, one.id, "asked", actor="test")

    assert await sick(context, one) == ["broken", "busy", "slow"]
    assert len(await sick(context, other)) == 8


async def test_what_is_over_is_deleted_once_it_is_no_relapse_any_more(context, one, sicken, clock):
    """Who falls sick again until then rests longer; the sick stay, however long."""
    await sicken("well")
    await sicken("sick")
    await channels.answered(context, one.id, "well", actor="test")
    clock.advance(RELAPSE_S)
    assert await share(context, clock).forget() == 0
    clock.advance(1)

    assert await share(context, clock).forget() == 1
    assert await rows(context) == ["sick"]


async def test_what_is_found_out_about_a_channel_that_is_gone_goes_too(context, one, sicken, clock):
    """A call that was under way when it was removed; nobody is left to get well."""
    await channels.remove(context, one.name, actor="test")
    await sicken("sick")

    assert await share(context, clock).forget() == 1
    assert await rows(context) == []


async def test_a_long_list_is_deleted_in_short_transactions(
    context, one, sicken, clock, monkeypatch
):
    """Calls wait behind each of them."""
    monkeypatch.setattr(gateway_health, "_FORGET_ROWS", 2)
    for number in range(5):
        await sicken(str(number))
        await channels.answered(context, one.id, str(number), actor="test")
    clock.advance(RELAPSE_S + 1)
    async with context.database.write() as connection:
        assert await health.forget(connection, clock(), 2) == 2

    assert await share(context, clock).forget() == 3
    assert await rows(context) == []
