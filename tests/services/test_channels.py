import asyncio
import dataclasses
from typing import Any

import pytest

from grip.errors import Conflict, InvalidRequest, NotFound
from grip.providers.kinds import KINDS, TYPES
from grip.services import channels
from grip.services.audit import list_audit
from grip.services.channels import Draft
from grip.services.context import Context
from grip.store import catalog


async def _version(context: Context) -> int:
    async with context.database.read() as connection:
        return (await catalog.load(connection)).version


async def test_a_channel_is_in_the_catalog_once_it_is_added(context: Context):
    """The catalog's version moves with it, so that every worker reads it again."""
    before = await _version(context)
    added = await channels.add(context, Draft(name="one", kind="sandbox"), actor="eve")
    async with context.database.read() as connection:
        found = await catalog.load(connection)

    assert found.version > before
    assert found.channels == (added,)


async def test_every_change_moves_the_catalog_and_leaves_a_row(context: Context):
    """A disabled channel leaves the snapshot, and comes back."""
    await channels.add(context, Draft(name="one", kind="sandbox"), actor="eve", reason="new")
    versions = [await _version(context)]
    for change in (
        channels.disable(context, "one", actor="eve"),
        channels.enable(context, "one", actor="eve"),
        channels.change(context, "one", {"weight": 5}, actor="eve"),
        channels.remove(context, "one", actor="eve"),
    ):
        await change
        versions.append(await _version(context))

    assert versions == sorted(set(versions))
    assert [row.action for row in await list_audit(context)] == [
        "channel.remove",
        "channel.set",
        "channel.enable",
        "channel.disable",
        "channel.add",
    ]


async def test_an_audit_row_keeps_what_differs(context: Context):
    """What came or went is kept whole, secrets as references only."""
    draft = Draft(name="one", kind="openai", secret="env:KEY")
    added = await channels.add(context, draft, actor="eve", reason="new")
    await channels.disable(context, added.id, actor="bob", reason="sick")
    rows: list[Any] = [*await list_audit(context, subject=added.id)]
    changed, new = rows

    assert (changed.before, changed.after) == ({"enabled": True}, {"enabled": False})
    assert (changed.actor, changed.reason) == ("bob", "sick")
    assert new.before is None
    assert new.after["secret"] == "env:KEY"
    assert "health" not in new.after


async def test_a_change_to_the_same_leaves_no_row(context: Context):
    """Enabling what is enabled is done already."""
    added = await channels.add(context, Draft(name="one", kind="sandbox"), actor="eve")

    assert await channels.enable(context, "one", actor="eve") == added
    assert len(await list_audit(context)) == 1


async def test_a_channel_is_found_by_id_and_by_name(context: Context):
    """Nothing else is a channel."""
    added = await channels.add(context, Draft(name="one", kind="sandbox"), actor="eve")

    assert await channels.get(context, "one") == added
    assert await channels.get(context, added.id) == added
    with pytest.raises(NotFound, match="two"):
        await channels.get(context, "two")


async def test_two_channels_cannot_share_a_name(context: Context):
    """Neither when one is added nor when it is renamed."""
    await channels.add(context, Draft(name="one", kind="sandbox"), actor="eve")
    await channels.add(context, Draft(name="two", kind="sandbox"), actor="eve")

    with pytest.raises(Conflict, match="one"):
        await channels.add(context, Draft(name="one", kind="sandbox"), actor="eve")
    with pytest.raises(Conflict, match="one"):
        await channels.change(context, "two", {"name": "one"}, actor="eve")
    assert [channel.name for channel in await channels.list_channels(context)] == ["two", "one"]


async def test_another_kind_brings_its_own_address_and_types(context: Context):
    """What the old kind said of them does not hold for the new one."""
    await channels.add(context, Draft(name="one", kind="sandbox", types=["chat"]), actor="eve")
    opened = await channels.change(context, "one", {"kind": "openai"}, actor="eve")
    own = {"kind": "openai", "types": ["image"], "base_url": "https://x.example/v1"}
    told = await channels.change(context, "one", own, actor="eve")
    again = await channels.change(context, "one", {"types": None}, actor="eve")

    assert (opened.base_url, opened.types) == ("https://api.openai.com/v1", list(TYPES))
    assert (told.base_url, told.types) == ("https://x.example/v1", ["image"])
    assert (again.base_url, again.types) == ("https://x.example/v1", list(TYPES))


def test_kinds_serve_untold_what_they_may_be_told():
    """Defaults are among the types of the kind, and those among all types."""
    for kind in KINDS.values():
        assert set(kind.types) <= set(TYPES)
    assert set(KINDS["openai"].types) == set(TYPES)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/v1", "https://x.example", "https://[::1]/"])
async def test_addresses_that_can_be_called_are_taken(context: Context, url: str):
    """A slash at the end goes."""
    added = await channels.add(context, Draft(name="one", kind="openai", base_url=url), actor="eve")

    assert added.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    ("param", "values"),
    [
        ("kind", {"kind": "nothing"}),
        ("name", {"name": ""}),
        ("name", {"name": "two words"}),
        ("name", {"name": "a,b"}),
        ("name", {"name": "-x"}),
        ("name", {"name": "ch_one"}),
        ("name", {"name": "x" * 201}),
        ("name", {"name": "a\x1bb"}),
        ("base-url", {"base_url": "ftp://x.example"}),
        ("base-url", {"base_url": "x.example/v1"}),
        ("base-url", {"base_url": "https://"}),
        ("base-url", {"base_url": "https://me:pw@x.example"}),
        ("base-url", {"base_url": "https://x.example/v1?key=1"}),
        ("base-url", {"base_url": "https://x.example/v1#top"}),
        ("base-url", {"kind": "azure", "base_url": "https://x.example?api-version=1&api-key=pw"}),
        ("base-url", {"kind": "azure", "base_url": "https://x.example/openai/v1?sig="}),
        ("base-url", {"base_url": "https://x.example:port/v1"}),
        ("base-url", {"base_url": "https://x.example/ v1"}),
        ("base-url", {"kind": "sandbox", "base_url": "https://x.example"}),
        ("secret", {"kind": "sandbox", "secret": "env:KEY"}),
        ("secret", {"secret": "sk-live-abc"}),
        ("secret", {"secret": "env:"}),
        ("group", {"groups": []}),
        ("group", {"groups": ["a", "a"]}),
        ("group", {"groups": ["a b"]}),
        ("types", {"types": []}),
        ("types", {"types": ["chat", "chat"]}),
        ("types", {"types": ["smell"]}),
        ("types", {"kind": "sandbox", "types": ["rerank"]}),
        ("map", {"model_map": {"a b": "c"}}),
        ("map", {"model_map": {"a": "b c"}}),
        ("map", {"kind": "fal", "model_map": {"a": "b?n=count:none"}}),
        ("map", {"kind": "replicate", "model_map": {"a": "b?frames=n"}}),
        ("weight", {"weight": 0}),
        ("weight", {"weight": 1_000_001}),
        ("priority", {"priority": 2**63}),
        ("region", {"region": "e u"}),
        ("connect-timeout", {"connect_timeout_ms": 0}),
        ("total-timeout", {"total_timeout_ms": 86_400_001}),
    ],
)
async def test_what_a_channel_cannot_be_is_refused_by_name(
    context: Context, param: str, values: dict[str, Any]
):
    """Neither added nor changed into; nothing is written, and no password is repeated."""
    draft = dataclasses.replace(Draft(name="two", kind="openai"), **values)
    with pytest.raises(InvalidRequest, match=f"^{param}: ") as refused:
        await channels.add(context, draft, actor="eve")
    await channels.add(context, Draft(name="one", kind="openai"), actor="eve")
    with pytest.raises(InvalidRequest, match=f"^{param}: "):
        await channels.change(context, "one", values, actor="eve")

    assert refused.value.param == param
    assert "pw" not in refused.value.message
    assert "sk-live" not in refused.value.message
    assert len(await channels.list_channels(context)) == 1


async def test_of_two_who_add_the_same_name_at_once_one_is_refused(context: Context):
    """Writers of the catalog take turns, on both engines."""
    draft = Draft(name="one", kind="sandbox")
    answers = await asyncio.gather(
        *(channels.add(context, draft, actor="eve") for _ in range(4)), return_exceptions=True
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["Channel"] + ["Conflict"] * 3
    assert len(await channels.list_channels(context)) == 1
