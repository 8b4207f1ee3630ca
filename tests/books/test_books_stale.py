"""What a command changed holds for every admission after it returned, in every process."""

import asyncio
from typing import Any

import pytest

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Stale
from grip.services import accounts, channels, keys, members, models, wallet_providers, wallets


async def price(house: Any, who: Any) -> None:
    await models.change(house.context, "gpt", {}, sell={"input": 2}, actor="test")


async def ceiling(house: Any, who: Any) -> None:
    await models.change(house.context, "gpt", {"max_output": 7}, actor="test")


async def model_off(house: Any, who: Any) -> None:
    await models.disable(house.context, "gpt", actor="test")


async def model_gone(house: Any, who: Any) -> None:
    await models.remove(house.context, "gpt", actor="test")


async def channel_off(house: Any, who: Any) -> None:
    await channels.disable(house.context, "sandbox", actor="test")


async def channel_new(house: Any, who: Any) -> None:
    await channels.add(house.context, channels.Draft(name="b", kind="sandbox"), actor="test")


async def channel_gone(house: Any, who: Any) -> None:
    await channels.remove(house.context, "sandbox", actor="test")


async def key_revoked(house: Any, who: Any) -> None:
    await keys.revoke(house.context, who.key_id, actor="test")


async def key_rolled(house: Any, who: Any) -> None:
    await keys.roll(house.context, who.key_id, actor="test")


async def tier(house: Any, who: Any) -> None:
    await wallets.set_tier(house.context, who.wallet_id, "plus", reason="r", actor="test")


async def providers(house: Any, who: Any) -> None:
    policy = wallet_providers.policy(deny_kinds=["gemini"], allow_groups=["b", "a"])
    await wallet_providers.set_providers(
        house.context, who.wallet_id, policy, reason="r", actor="test"
    )


async def account_off(house: Any, who: Any) -> None:
    await accounts.disable(house.context, who.email, actor="test")


IN_THE_CATALOG = [
    price,
    ceiling,
    model_off,
    model_gone,
    channel_off,
    channel_new,
    channel_gone,
]
ON_THE_KEY = [key_revoked, key_rolled, tier, providers, account_off]


@pytest.mark.parametrize("change", IN_THE_CATALOG + ON_THE_KEY)
async def test_an_admission_on_old_facts_is_stale(house, books, change):
    """Also where another process made the change, and these books know nothing of it."""
    ana = await house.customer()
    entry = await house.asks(books, ana)
    await change(house, ana)

    assert await books.submit(entry) == Stale()
    await house.untouched(ana)


@pytest.mark.parametrize("change", IN_THE_CATALOG)
async def test_a_fresh_look_sees_the_changed_catalog(house, books, change):
    """A remembered one may be old; an admission on the fresh one is taken."""
    ana = await house.customer()
    old = await books.catalog()
    await change(house, ana)
    new = await books.catalog(fresh=True)

    assert new.version > old.version
    assert new != old
    assert await books.catalog() is new
    assert isinstance(await books.submit(await house.asks(books, ana)), Admitted)


@pytest.mark.parametrize("change", ON_THE_KEY)
async def test_a_fresh_look_sees_the_changed_caller(house, books, change):
    """Usable is who still holds a live key."""
    ana = await house.customer()
    old = await books.caller(ana.hash)
    assert await books.caller(ana.hash) is old
    await change(house, ana)
    new = await books.caller(ana.hash, fresh=True)

    assert new != old
    if change is tier:
        assert (new.tier, new.usable) == ("plus", True)
    elif change is providers:
        assert (new.providers.allow_groups, new.usable) == ({"a", "b"}, True)
        assert (new.providers.deny_kinds, new.providers.allow_kinds) == ({"gemini"}, None)
    else:
        assert new is None or not new.usable
    assert await books.caller(ana.hash) == new


async def test_an_account_that_is_enabled_again_may_call_again(house, books):
    """On a fresh look; the version has moved on twice."""
    ana = await house.customer()
    entry = await house.asks(books, ana)
    await account_off(house, ana)
    await accounts.enable(house.context, ana.email, actor="test")

    assert await books.submit(entry) == Stale()
    assert isinstance(await books.submit(await house.asks(books, ana)), Admitted)


@pytest.mark.parametrize("gone", ["member removed", "member disabled", "owner disabled"])
async def test_a_members_key_ends_with_member_and_owner(house, books, gone):
    """A key of a wallet hangs on who holds it and on who owns the wallet."""
    ana, bob = await house.customer(), await house.customer()
    await tier(house, ana)
    await members.add(house.context, ana.wallet_id, bob.email, actor="test")
    made = await keys.create(
        house.context, ana.wallet_id, name="bob", member=bob.email, actor="test"
    )
    guest = house.holder(bob.email, made)
    entry = await house.asks(books, guest)
    if gone == "member removed":
        await members.remove(house.context, ana.wallet_id, bob.email, actor="test")
    else:
        await account_off(house, bob if gone == "member disabled" else ana)

    assert await books.submit(entry) == Stale()
    assert not (await books.caller(guest.hash, fresh=True)).usable
    await house.untouched(ana)


async def test_a_members_limit_holds_from_the_next_admission_on(house, books):
    """It is read in the batch, so nothing that was remembered can be wrong about it."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    await members.set_limit(house.context, ana.wallet_id, ana.email, 4, actor="test")
    with pytest.raises(errors.MemberLimitExhausted):
        await books.submit(entry)
    await members.set_limit(house.context, ana.wallet_id, ana.email, 5, actor="test")

    assert isinstance(await books.submit(entry), Admitted)


async def test_a_key_expires_in_the_time_of_the_books(house, books, clock):
    """Whatever the caller's clock says."""
    ana = await house.customer(expires_us=clock.now_us + 1_000_000)
    entry = await house.asks(books, ana)
    await house.run("UPDATE api_key SET expires_us = 1")

    with pytest.raises(errors.InvalidApiKey, match="expired"):
        await books.submit(entry)
    await house.untouched(ana)


async def test_a_price_is_charged_as_it_was_admitted(house, books):
    """A change while the call is under way is for later calls."""
    ana = await house.customer()
    entry = await house.asks(books, ana, 5)
    await books.submit(entry)
    await price(house, ana)
    await model_off(house, ana)
    await key_revoked(house, ana)
    settled = await books.submit(house.settles(entry, 5 * NANO))

    assert settled.credits == 5
    await house.verify()


async def test_no_admission_on_old_facts_slips_through_while_they_change(house, books):
    """Every hold was admitted before the revocation had returned."""
    ana = await house.customer()
    entry = await house.asks(books, ana)
    revoked = asyncio.Event()
    late = []

    async def revoke() -> None:
        await keys.revoke(house.context, ana.key_id, actor="test")
        revoked.set()

    async def ask(number: int) -> None:
        for turn in range(100):
            is_late = revoked.is_set()
            own = entry._replace(request_id=f"req_{number}_{turn}", amount=0, estimate_nano=0)
            outcome = await books.submit(own)
            if is_late:
                late.append(outcome)
                return

    await asyncio.gather(revoke(), *map(ask, range(8)))

    assert late == [Stale()] * 8


async def test_a_stranger_is_nobody(house, books):
    """And is not remembered: chance keys fill no memory."""
    assert await books.caller("0" * 64) is None
    assert await books.caller("0" * 64, fresh=True) is None
    assert books._callers._callers == {}


async def test_the_callers_that_are_remembered_have_an_end(house, books, monkeypatch):
    """The one that was looked up first goes first."""
    monkeypatch.setattr("grip.store.books.caches._MAX_CALLERS", 2)
    customers = [await house.customer() for _ in range(3)]
    for customer in customers:
        await books.caller(customer.hash)

    assert list(books._callers._callers) == [customer.hash for customer in customers[1:]]
