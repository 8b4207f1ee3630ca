import anyio
import pytest
import sqlalchemy as sa

from grip import errors, ids
from grip.services import accounts, audit, keys, members, wallets
from grip.store.tables import api_key


async def test_a_key_is_made_for_the_owner_unless_told(shop, context):
    """Everything asked for is on the record; the secret is not."""
    ana = await shop.customer()
    made = await keys.create(
        context,
        ana.email,
        actor="op",
        name=" ci ",
        budget=100,
        rpm=60,
        models=["gpt", "best", "gpt"],
        groups=["default"],
        content_logging=False,
        expires_us=context.clock() + 1,
    )
    key = made.key

    assert key.id.startswith("key_")
    assert made.secret.startswith("sk-grip-")
    assert len(made.secret) >= len("sk-grip-") + 32
    assert (key.wallet_id, key.member, key.name) == (ana.wallet_id, ana.email, "ci")
    assert (key.budget, key.spent, key.rpm) == (100, 0, 60)
    assert (key.models, key.groups, key.content_logging) == (["gpt", "best"], ["default"], False)
    assert key.last4 == made.secret[-4:]
    assert await keys.get(context, "ci") == await keys.get(context, key.id) == key


async def test_a_key_without_terms_has_no_limits(shop, context):
    """None is no limit and no list, never an empty one."""
    key = await shop.key(await shop.customer())

    assert (key.budget, key.rpm, key.models, key.groups) == (None, None, None, None)
    assert (key.content_logging, key.expires_us) == (None, None)


async def test_no_secret_is_stored_or_audited(shop, context):
    """The hash and the last four characters are all there is."""
    ana = await shop.customer()
    made = await keys.create(context, ana.wallet_id, actor="op", name="ci")
    rolled = await keys.roll(context, made.key.id, actor="op")
    rows = await audit.list_audit(context)
    async with context.database.read() as connection:
        (stored,) = (await connection.execute(sa.select(api_key))).all()

    for secret in (made.secret, rolled.secret):
        assert secret not in str(rows)
        assert secret.removeprefix("sk-grip-") not in str(stored)
    assert stored.hash == ids.key_hash(rolled.secret)


@pytest.mark.parametrize(
    ("terms", "param"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"budget": -1}, "budget"),
        ({"budget": 10**10}, "budget"),
        ({"rpm": 0}, "rpm"),
        ({"models": []}, "models"),
        ({"models": ["gpt", "gtp"]}, "models"),
        ({"groups": [" "]}, "groups"),
        ({"expires_us": 1}, "expires"),
    ],
)
async def test_terms_that_cannot_be_are_refused_by_name(shop, context, terms, param):
    """And no key is made."""
    ana = await shop.customer()
    with pytest.raises(errors.InvalidRequest) as refused:
        await keys.create(context, ana.wallet_id, **{"actor": "op", "name": "ci", **terms})

    assert refused.value.param == param
    assert await keys.list_keys(context) == []


async def test_an_unknown_model_is_named(shop, context):
    """Only the one that does not exist."""
    ana = await shop.customer()
    with pytest.raises(errors.InvalidRequest, match="'gtp';"):
        await shop.key(ana, models=["gpt", "gtp", "best"])


async def test_only_a_member_holds_a_key(shop, context):
    """An account that is none, or is disabled, gets no key."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    with pytest.raises(errors.NotFound, match="is no member"):
        await shop.key(ana, member=bob.email)
    await accounts.disable(context, ana.id, actor="op")
    with pytest.raises(errors.Conflict, match="is disabled"):
        await shop.key(ana)


async def test_a_roll_keeps_the_id_and_changes_the_secret(shop, context):
    """What was spent stays spent; the request path is told by the version."""
    key = await shop.key(await shop.customer(), budget=100)
    await shop.call(key)
    rolled = await keys.roll(context, key.id, actor="op")

    assert (rolled.key.id, rolled.key.spent, rolled.key.budget) == (key.id, 2, 100)
    assert rolled.key.last4 == rolled.secret[-4:]
    assert await shop.versions() == {key.id: 2}


async def test_only_an_active_key_rolls(shop, context, clock):
    """A revoked, an expired and a disabled one each say what they are."""
    ana = await shop.customer()
    revoked, expired = await shop.key(ana, "a"), await shop.key(ana, "b", expires_us=clock() + 1)
    live = await shop.key(ana, "c")
    await keys.revoke(context, revoked.id, actor="op")
    clock.advance(1)

    with pytest.raises(errors.Conflict, match="revoked"):
        await keys.roll(context, revoked.id, actor="op")
    with pytest.raises(errors.Conflict, match="expired"):
        await keys.roll(context, expired.id, actor="op")
    await accounts.disable(context, ana.id, actor="op")
    with pytest.raises(errors.Conflict, match="disabled"):
        await keys.roll(context, live.id, actor="op")


async def test_a_revoked_key_stays_listed(shop, context):
    """With its status, and with another version."""
    ana = await shop.customer()
    key, other = await shop.key(ana, "a"), await shop.key(ana, "b")
    revoked = await keys.revoke(context, "a", actor="op")
    with pytest.raises(errors.Conflict, match="revoked already"):
        await keys.revoke(context, "a", actor="op")
    listed = await keys.list_keys(context, ana.email)

    assert keys.status(revoked, context.clock()) == "revoked"
    assert [item.id for item in listed] == [other.id, key.id]
    assert await shop.versions() == {key.id: 2, other.id: 1}


async def test_a_name_of_several_keys_is_ambiguous(shop, context):
    """The ids are in the refusal."""
    ana = await shop.customer()
    first, second = await shop.key(ana, "ci"), await shop.key(ana, "ci")
    with pytest.raises(errors.Ambiguous) as refused:
        await keys.revoke(context, "ci", actor="op")

    assert first.id in refused.value.message
    assert second.id in refused.value.message


async def test_of_rolls_and_a_revocation_at_once_none_revives_the_key(shop, context):
    """Whatever the order, the key ends revoked, and every change has bumped its version."""
    key = await shop.key(await shop.customer())
    rolled: list[str] = []

    async def roll() -> None:
        try:
            rolled.append((await keys.roll(context, key.id, actor="op")).secret)
        except errors.Conflict:
            return

    async with anyio.create_task_group() as group:
        group.start_soon(roll)
        group.start_soon(lambda: keys.revoke(context, key.id, actor="op"))
        group.start_soon(roll)

    assert keys.status(await keys.get(context, key.id), context.clock()) == "revoked"
    assert await shop.versions() == {key.id: 2 + len(rolled)}


async def test_removal_and_new_keys_at_once_leave_no_live_key(shop, context):
    """A key is made before the removal, which ends it, or not at all."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    await wallets.set_tier(context, ana.wallet_id, "plus", actor="op", reason="r")
    await members.add(context, ana.wallet_id, bob.email, actor="op")

    async def make() -> None:
        try:
            await shop.key(ana, member=bob.email)
        except errors.NotFound:
            return

    async with anyio.create_task_group() as group:
        group.start_soon(make)
        group.start_soon(lambda: members.remove(context, ana.wallet_id, bob.email, actor="op"))
        group.start_soon(make)

    assert await keys.list_keys(context, ana.wallet_id) == []
