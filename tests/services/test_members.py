import anyio
import pytest

from grip import errors
from grip.services import accounts, audit, keys, ledger, members, wallets


@pytest.fixture
async def team(shop, context):
    """A wallet on the tier `plus`, which admits two members, and its owner's account."""
    ana = await shop.customer("ana@example.com")
    await shop.customer("bob@example.com")
    await wallets.set_tier(context, ana.wallet_id, "plus", actor="op", reason="paid")
    return ana


async def test_a_member_is_added_with_a_limit(team, context):
    """The limit can be changed and lifted later, and every change is on record."""
    added = await members.add(context, team.email, "BOB@example.com", actor="op", limit=50)
    capped = await members.set_limit(context, team.email, "bob@example.com", 0, actor="op")
    lifted = await members.set_limit(context, team.email, "bob@example.com", None, actor="op")
    listed = await members.list_members(context, team.email)
    rows = await audit.list_audit(context, subject=team.wallet_id)

    assert added.id.startswith("mem_")
    assert (added.email, added.is_owner, added.credit_limit) == ("bob@example.com", False, 50)
    assert (capped.credit_limit, lifted.credit_limit) == (0, None)
    assert [member.email for member in listed] == ["bob@example.com", "ana@example.com"]
    assert [row.action for row in rows[:3]] == ["member.limit", "member.limit", "member.add"]


async def test_only_accounts_become_members(team, context):
    """The refusal says how to make one."""
    with pytest.raises(errors.NotFound, match=r"grip accounts create --email eve@example\.com"):
        await members.add(context, team.wallet_id, "eve@example.com", actor="op")


async def test_a_disabled_account_becomes_no_member(team, context):
    """It could use nothing of it."""
    await accounts.disable(context, "bob@example.com", actor="op")
    with pytest.raises(errors.Conflict, match="disabled"):
        await members.add(context, team.wallet_id, "bob@example.com", actor="op")


async def test_a_member_is_one_once(team, context):
    """The owner is one from the start."""
    await members.add(context, team.wallet_id, "bob@example.com", actor="op")
    for email in ("bob@example.com", "ana@example.com"):
        with pytest.raises(errors.Conflict, match="member of"):
            await members.add(context, team.wallet_id, email, actor="op")


async def test_the_tier_caps_the_members_owner_included(team, shop, context):
    """A downgrade removes nobody, and lets nobody in."""
    await members.add(context, team.wallet_id, "bob@example.com", actor="op")
    await shop.customer("eve@example.com")
    with pytest.raises(errors.MemberCapReached) as full:
        await members.add(context, team.wallet_id, "eve@example.com", actor="op")
    await wallets.set_tier(context, team.wallet_id, "free", actor="op", reason="left")
    with pytest.raises(errors.MemberCapReached):
        await members.add(context, team.wallet_id, "eve@example.com", actor="op")

    assert full.value.metadata == {"limit": 2, "members": 2}
    assert len(await members.list_members(context, team.wallet_id)) == 2


@pytest.mark.parametrize("limit", [-1, 10**10])
async def test_a_limit_is_an_amount_of_credits(team, context, limit):
    """Zero is one: it stops the member's keys."""
    with pytest.raises(errors.InvalidRequest, match="limit must be"):
        await members.add(context, team.wallet_id, "bob@example.com", actor="op", limit=limit)
    with pytest.raises(errors.InvalidRequest, match="limit must be"):
        await members.set_limit(context, team.wallet_id, "ana@example.com", limit, actor="op")


async def test_the_owner_stays(team, context):
    """A wallet without its owner would be nobody's."""
    with pytest.raises(errors.Conflict, match="owns the wallet"):
        await members.remove(context, team.wallet_id, "ana@example.com", actor="op")


async def test_the_keys_of_a_removed_member_are_dead_for_good(team, shop, context):
    """They are unlisted, joining again does not bring them back, and the audit knows them."""
    await members.add(context, team.wallet_id, "bob@example.com", actor="op")
    dead = await shop.key(team, "bob's", member="bob@example.com")
    live = await shop.key(team, "ana's")
    await shop.call(dead)
    left = await members.remove(context, team.wallet_id, "bob@example.com", actor="op")
    removal, *_ = await audit.list_audit(context, subject=team.wallet_id)
    versions = await shop.versions()
    again = await members.add(context, team.wallet_id, "bob@example.com", actor="op")
    found = await keys.get(context, dead.id)

    assert left.left_us == context.clock()
    assert removal.after == {"dead_keys": [dead.id]}
    assert versions == {dead.id: 2, live.id: 1}
    assert (again.id != left.id, again.spent) == (True, 0)
    assert [key.id for key in await keys.list_keys(context, team.wallet_id)] == [live.id]
    assert [key.id for key in await keys.list_keys(context)] == [live.id]
    assert keys.status(found, context.clock()) == "revoked"
    with pytest.raises(errors.NotFound):
        await keys.get(context, "bob's")
    with pytest.raises(errors.Conflict, match="revoked"):
        await keys.roll(context, dead.id, actor="op")
    with pytest.raises(errors.Conflict, match="revoked"):
        await keys.revoke(context, dead.id, actor="op")
    assert (await ledger.verify(context)).ok


async def test_who_is_no_member_cannot_be_limited_or_removed(team, context):
    """An account that exists is not enough."""
    with pytest.raises(errors.NotFound, match="is no member"):
        await members.set_limit(context, team.wallet_id, "bob@example.com", 5, actor="op")
    with pytest.raises(errors.NotFound, match="is no member"):
        await members.remove(context, team.wallet_id, "bob@example.com", actor="op")


async def test_members_added_at_once_never_pass_the_cap(team, shop, context):
    """The cap is counted under the wallet's lock."""
    emails = ["bob@example.com", "eve@example.com", "joe@example.com"]
    for email in emails[1:]:
        await shop.customer(email)
    outcomes: list[str] = []

    async def add(email: str) -> None:
        try:
            await members.add(context, team.wallet_id, email, actor="op")
            outcomes.append("added")
        except errors.MemberCapReached:
            outcomes.append("refused")

    async with anyio.create_task_group() as group:
        for email in emails:
            group.start_soon(add, email)

    assert sorted(outcomes) == ["added", "refused", "refused"]
    assert len(await members.list_members(context, team.wallet_id)) == 2
