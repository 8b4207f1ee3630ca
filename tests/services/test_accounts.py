import contextlib

import anyio
import pytest

from grip import errors
from grip.services import accounts, audit, keys, ledger, members, wallets
from grip.services.context import Context


async def test_an_account_starts_with_a_free_wallet_and_the_sign_up_credits(context: Context):
    """Account, wallet, owner's membership and grant come into being together."""
    made = await accounts.create(context, actor="op", email=" Ana@Example.COM ", name="Ana")
    wallet = await wallets.get(context, made.wallet_id)
    (owner,) = await members.list_members(context, made.wallet_id)

    assert made.id.startswith("acct_")
    assert (made.email, made.name) == ("ana@example.com", "Ana")
    assert (wallet.tier, wallet.balance, wallet.held, wallet.debt) == ("free", 1000, 0, 0)
    assert (owner.email, owner.is_owner, owner.credit_limit) == ("ana@example.com", True, None)
    assert (await ledger.verify(context)).ok


async def test_an_e_mail_has_one_account(context: Context):
    """A second account with it is refused, and leaves nothing behind."""
    await accounts.create(context, actor="op", email="ana@example.com")
    with pytest.raises(errors.Conflict, match=r"ana@example\.com already"):
        await accounts.create(context, actor="op", email="ANA@example.com")

    assert len(await accounts.list_accounts(context)) == 1
    assert len(await wallets.list_wallets(context)) == 1


@pytest.mark.parametrize(
    "email", ["", "ana", "ana@", "@b.c", "a b@c.d", "a@b@c", "a@b..c", "a\x00@b.c"]
)
async def test_what_is_no_e_mail_is_refused(context: Context, email: str):
    """The address names the account for ever, so it must at least be one."""
    with pytest.raises(errors.InvalidRequest) as refused:
        await accounts.create(context, actor="op", email=email)

    assert refused.value.param == "email"


async def test_an_account_is_found_by_id_e_mail_and_unique_name(context: Context):
    """Any of the three will do; several of a name are refused with their ids."""
    ana = await accounts.create(context, actor="op", email="ana@example.com", name="Ana")
    bob = await accounts.create(context, actor="op", email="bob@example.com", name="Bob")
    rob = await accounts.create(context, actor="op", email="rob@example.com", name="Bob")

    assert await accounts.get(context, ana.id) == ana
    assert await accounts.get(context, "ANA@example.com") == ana
    assert await accounts.get(context, "Ana") == ana
    with pytest.raises(errors.Ambiguous) as ambiguous:
        await accounts.get(context, "Bob")
    assert bob.id in ambiguous.value.message
    assert rob.id in ambiguous.value.message


@pytest.mark.parametrize("reference", ["", "  ", "nobody", "acct_0"])
async def test_what_names_nothing_is_not_found(context: Context, reference: str):
    """An empty reference does not mean the accounts without a name."""
    await accounts.create(context, actor="op", email="ana@example.com")
    with pytest.raises(errors.NotFound):
        await accounts.get(context, reference)
    with pytest.raises(errors.NotFound):
        await wallets.get(context, reference)


async def test_accounts_are_listed_newest_first(context: Context):
    """The limit takes from the newest."""
    for name in ("a", "b", "c"):
        await accounts.create(context, actor="op", email=f"{name}@example.com")
    found = await accounts.list_accounts(context, limit=2)

    assert [account.email for account in found] == ["c@example.com", "b@example.com"]


async def test_disabling_touches_every_key_the_account_could_pay_or_call_with(shop, context):
    """Keys it holds in other wallets, and all keys of its own wallet, get a new version."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    await wallets.set_tier(context, ana.wallet_id, "pro", actor="op", reason="paid")
    await members.add(context, ana.wallet_id, bob.email, actor="op")
    own = await shop.key(ana, "ana in ana's")
    held = await shop.key(ana, "bob in ana's", member=bob.email)
    other = await shop.key(bob, "bob in bob's")

    disabled = await accounts.disable(context, bob.email, actor="op")
    assert disabled.disabled_us == context.clock()
    assert await shop.versions() == {own.id: 1, held.id: 2, other.id: 2}
    assert keys.status(await keys.get(context, held.id), context.clock()) == "disabled"
    assert keys.status(await keys.get(context, own.id), context.clock()) == "active"

    await accounts.disable(context, ana.id, actor="op")
    assert await shop.versions() == {own.id: 2, held.id: 3, other.id: 2}

    await accounts.enable(context, bob.id, actor="op")
    assert await shop.versions() == {own.id: 2, held.id: 4, other.id: 3}
    assert keys.status(await keys.get(context, other.id), context.clock()) == "active"
    assert keys.status(await keys.get(context, held.id), context.clock()) == "disabled"


async def test_an_account_is_disabled_and_enabled_once(shop, context):
    """What is so already is a conflict, and leaves no audit row."""
    ana = await shop.customer()
    await accounts.disable(context, ana.id, actor="op")
    with pytest.raises(errors.Conflict, match="disabled already"):
        await accounts.disable(context, ana.id, actor="op")
    await accounts.enable(context, ana.id, actor="op")
    with pytest.raises(errors.Conflict, match="enabled already"):
        await accounts.enable(context, ana.id, actor="op")
    rows = await audit.list_audit(context, subject=ana.id)

    assert [row.action for row in rows] == ["account.enable", "account.disable", "account.create"]
    assert {row.actor for row in rows} == {"op", "test"}


async def test_two_sign_ups_at_once_make_one_account(context: Context):
    """Whoever comes second is told so, on both engines."""
    outcomes: list[str] = []

    async def sign_up() -> None:
        try:
            await accounts.create(context, actor="op", email="ana@example.com")
            outcomes.append("made")
        except errors.Conflict:
            outcomes.append("refused")

    async with anyio.create_task_group() as group:
        group.start_soon(sign_up)
        group.start_soon(sign_up)

    assert sorted(outcomes) == ["made", "refused"]


async def test_changes_of_one_team_at_once_all_come_to_an_end(shop, context):
    """Accounts, then wallets, then keys, then members: one order of locks, hence no deadlock."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    await wallets.set_tier(context, ana.wallet_id, "enterprise", actor="op", reason="r")
    await members.add(context, ana.wallet_id, bob.email, actor="op")
    key = await shop.key(ana, member=bob.email)
    done: list[str] = []

    async def attempt(name, change, *arguments, **terms) -> None:
        with contextlib.suppress(errors.Conflict, errors.NotFound):
            await change(*arguments, **terms)
        done.append(name)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(lambda: attempt("off", accounts.disable, context, bob.id, actor="op"))
            group.start_soon(lambda: attempt("on", accounts.enable, context, bob.id, actor="op"))
            group.start_soon(lambda: attempt("make", shop.key, ana, member=bob.email))
            group.start_soon(lambda: attempt("roll", keys.roll, context, key.id, actor="op"))
            group.start_soon(
                lambda: attempt("add", members.add, context, ana.email, bob.email, actor="op")
            )
            group.start_soon(
                lambda: attempt("part", members.remove, context, ana.email, bob.email, actor="op")
            )

    assert len(done) == 18
    assert (await ledger.verify(context)).ok
