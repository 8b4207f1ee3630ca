import anyio
import pytest

from grip import errors
from grip.money.amounts import MAX_CREDITS
from grip.services import accounts, audit, ledger, wallets
from grip.services.statements import statement


async def test_credits_by_hand_move_the_balance_and_leave_their_reason(shop, context):
    """The journal, the counter and the audit row agree."""
    ana = await shop.customer()
    credited = await wallets.credit(context, ana.email, 500, actor="op", reason=" goodwill ")
    debited = await wallets.debit(context, ana.wallet_id, 200, actor="op", reason="typo")
    newest, older, *_ = await audit.list_audit(context, subject=ana.wallet_id)

    assert (credited.balance, debited.balance) == (1500, 1300)
    assert (newest.action, newest.before, newest.after) == (
        "wallet.debit",
        {"balance": 1500, "debt": 0},
        {"balance": 1300, "debt": 0},
    )
    assert (older.action, older.reason) == ("wallet.credit", "goodwill")
    assert (await ledger.verify(context)).ok


async def test_a_wallet_is_found_by_its_id_and_by_its_owner(shop, context):
    """By the owner's id, e-mail or name; two owners of a name are ambiguous."""
    ana = await accounts.create(context, actor="op", email="ana@example.com", name="Ana")
    bob = await accounts.create(context, actor="op", email="bob@example.com", name="Bob")
    rob = await accounts.create(context, actor="op", email="rob@example.com", name="Bob")
    for reference in (ana.wallet_id, ana.id, "Ana@example.com", "Ana"):
        assert (await wallets.get(context, reference)).id == ana.wallet_id
    with pytest.raises(errors.Ambiguous) as refused:
        await wallets.get(context, "Bob")

    assert bob.wallet_id in refused.value.message
    assert rob.wallet_id in refused.value.message


async def test_a_debit_takes_what_is_available_and_nothing_that_is_held(shop, context):
    """Held credits belong to calls under way."""
    ana = await shop.customer()
    await shop.hold(await shop.key(ana), 400)
    with pytest.raises(errors.InsufficientCredits) as refused:
        await wallets.debit(context, ana.wallet_id, 601, actor="op", reason="r")
    emptied = await wallets.debit(context, ana.wallet_id, 600, actor="op", reason="r")

    assert refused.value.metadata == {"required": 601, "available": 600, "held": 400}
    assert (emptied.balance, emptied.available) == (400, 0)


@pytest.mark.parametrize("amount", [-1, 0, MAX_CREDITS + 1])
async def test_an_amount_must_be_one(shop, context, amount):
    """Nothing, less than nothing and more than there can be are refused."""
    ana = await shop.customer()
    for change in (wallets.credit, wallets.debit):
        with pytest.raises(errors.InvalidRequest, match="must be from 1"):
            await change(context, ana.wallet_id, amount, actor="op", reason="r")


async def test_a_balance_has_a_ceiling(shop, context):
    """A credit that would pass it is refused whole."""
    ana = await shop.customer()
    with pytest.raises(errors.InvalidRequest, match="at most"):
        await wallets.credit(context, ana.wallet_id, MAX_CREDITS, actor="op", reason="r")

    assert (await wallets.get(context, ana.wallet_id)).balance == 1000


@pytest.mark.parametrize("reason", ["", " \t"])
async def test_money_and_tiers_demand_a_reason(shop, context, reason):
    """Nobody moves money without saying why."""
    ana = await shop.customer()
    with pytest.raises(errors.InvalidRequest, match="say why"):
        await wallets.credit(context, ana.wallet_id, 1, actor="op", reason=reason)
    with pytest.raises(errors.InvalidRequest, match="say why"):
        await wallets.debit(context, ana.wallet_id, 1, actor="op", reason=reason)
    with pytest.raises(errors.InvalidRequest, match="say why"):
        await wallets.set_tier(context, ana.wallet_id, "pro", actor="op", reason=reason)


async def test_a_credit_pays_the_debt_first(shop, context):
    """The debt falls by what the credit covers, and only the rest is the customer's."""
    ana = await shop.customer()
    await shop.call(await shop.key(ana), input_tokens=0, output_tokens=1300)
    part = await wallets.credit(context, ana.wallet_id, 100, actor="op", reason="r")
    rest = await wallets.credit(context, ana.wallet_id, 500, actor="op", reason="r")
    rows = (await statement(context, ana.wallet_id)).rows

    assert (part.balance, part.debt) == (0, 200)
    assert (rest.balance, rest.debt) == (300, 0)
    assert [(row.kind, row.amount) for row in rows] == [
        ("grant", 1000),
        ("usage", -1000),
        ("adjust", 100),
        ("debt_settlement", -100),
        ("adjust", 500),
        ("debt_settlement", -200),
    ]
    assert (await ledger.verify(context)).ok


async def test_a_tier_is_one_of_the_configuration(shop, context):
    """An unknown one is not found, the present one a conflict."""
    ana = await shop.customer()
    moved = await wallets.set_tier(context, ana.wallet_id, "pro", actor="op", reason="paid")
    with pytest.raises(errors.NotFound, match="free, plus, pro"):
        await wallets.set_tier(context, ana.wallet_id, "gold", actor="op", reason="r")
    with pytest.raises(errors.Conflict, match="already"):
        await wallets.set_tier(context, ana.wallet_id, "pro", actor="op", reason="r")
    newest, *_ = await audit.list_audit(context, subject=ana.wallet_id)

    assert moved.tier == "pro"
    assert (newest.action, newest.before, newest.after, newest.reason) == (
        "wallet.tier",
        {"tier": "free"},
        {"tier": "pro"},
        "paid",
    )


async def test_of_two_debits_at_once_only_one_finds_the_credits(shop, context):
    """The wallet's row is the queue, whatever the engine."""
    ana = await shop.customer()
    outcomes: list[str] = []

    async def debit() -> None:
        try:
            await wallets.debit(context, ana.wallet_id, 700, actor="op", reason="race")
            outcomes.append("debited")
        except errors.InsufficientCredits:
            outcomes.append("refused")

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(debit)

    assert sorted(outcomes) == ["debited", "refused", "refused", "refused"]
    assert (await wallets.get(context, ana.wallet_id)).balance == 300
    assert (await ledger.verify(context)).ok
