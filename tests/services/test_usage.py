from typing import Any

import pytest

from grip import errors
from grip.services import members, usage, wallets


async def test_usage_is_listed_newest_first_and_filtered(shop, context, clock):
    """By wallet, key, model or alias, and half-open times."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    await shop.model("mini")
    first, second = await shop.key(ana, "one"), await shop.key(bob, "two")
    start = clock()
    a = await shop.call(first)
    clock.advance(1)
    b = await shop.call(second, model="mini")
    clock.advance(1)
    c = await shop.call(first)

    async def listed(**filters: Any) -> list[str]:
        return [row.request_id for row in await usage.list_usage(context, **filters)]

    assert await listed() == [c, b, a]
    assert await listed(limit=2) == [c, b]
    assert await listed(limit=0) == []
    assert await listed(wallet="ana@example.com") == [c, a]
    assert await listed(key="two") == [b]
    assert await listed(wallet=ana.wallet_id, key=second.id) == []
    assert await listed(model="mini") == [b]
    assert await listed(model="best") == [c, a]
    assert await listed(from_us=start, to_us=start + 1_000_000) == [a]
    assert await listed(from_us=start + 1_000_000) == [c, b]


async def test_a_call_is_shown_whole(shop, context):
    """With what it cost and what was left."""
    ana = await shop.customer()
    key = await shop.key(ana, "ci")
    row = await usage.get(context, await shop.call(key))

    assert (row.wallet_id, row.key_id, row.key_name) == (ana.wallet_id, key.id, "ci")
    assert (row.cost_nano, row.credits, row.balance_after) == (2_000_000_000, 2, 998)
    assert row.estimated is False


async def test_a_call_that_was_not_charged_is_not_found(context):
    """The refusal says why there may be none."""
    with pytest.raises(errors.NotFound, match="not charged"):
        await usage.get(context, "req_0")


async def test_usage_of_a_removed_member_s_key_is_found_by_its_id(shop, context):
    """The key is dead, the log is not."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    await wallets.set_tier(context, ana.wallet_id, "plus", actor="op", reason="r")
    await members.add(context, ana.wallet_id, bob.email, actor="op")
    key = await shop.key(ana, member=bob.email)
    request_id = await shop.call(key)
    await members.remove(context, ana.wallet_id, bob.email, actor="op")

    (row,) = await usage.list_usage(context, key=key.id)
    assert row.request_id == request_id


async def test_pages_of_usage_go_on_where_the_last_one_ended(shop, context):
    """The owner's hold every call of the wallet, a member's their own."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    await wallets.set_tier(context, ana.wallet_id, "plus", actor="op", reason="r")
    await members.add(context, ana.wallet_id, bob.email, actor="op")
    own, bobs = await shop.key(ana), await shop.key(ana, member=bob.email)
    await shop.call(await shop.key(bob))
    a, b, c = [await shop.call(key) for key in (own, bobs, own)]

    async def paged(member_id: str | None, after: str | None, limit: int) -> list[str]:
        rows = await usage.page(
            context, wallet_id=ana.wallet_id, member_id=member_id, after=after, limit=limit
        )
        return [row.request_id for row in rows]

    assert await paged(None, None, 2) == [c, b]
    assert await paged(None, b, 2) == [a]
    assert await paged(bobs.member_id, None, 9) == [b]
    assert await paged(bobs.member_id, c, 9) == []  # where another's call stands is not told
    assert await paged(bobs.member_id, b, 9) == []
