import pytest
import sqlalchemy as sa

from grip.services import ledger, wallets
from grip.services.context import Context
from grip.store import usage as usage_store
from grip.store.proofs import invariants

UPDATE = {True: "no_update", False: "no_change"}

COUNTERS = [
    ("UPDATE wallet SET balance = balance + 1", "wallet_balance"),
    ("UPDATE wallet SET held = held - 1", "wallet_held"),
    ("UPDATE wallet SET debt = debt + 1", "wallet_debt"),
    ("UPDATE wallet SET carry_nano = carry_nano + 1", "usage_exact"),
    ("UPDATE api_key SET spent = spent + 1", "key_spent"),
    ("UPDATE api_key SET spent_nano = spent_nano + 1", "key_spent"),
    ("UPDATE api_key SET held_nano = held_nano + 1", "key_held"),
    ("UPDATE member SET spent = spent + 1", "member_spent"),
    ("UPDATE member SET spent_nano = spent_nano + 1", "member_spent"),
    ("UPDATE member SET held_nano = held_nano + 1", "member_held"),
]
JOURNAL = [
    (
        "ledger_transfer",
        "UPDATE ledger_transfer SET amount = amount + 1 WHERE kind = 'adjust'",
        {"wallet_balance", "transfer_fingerprint"},
    ),
    (
        "ledger_transfer",
        "UPDATE ledger_transfer SET reason = 'because' WHERE kind = 'adjust'",
        {"transfer_fingerprint"},
    ),
    (
        "ledger_transfer",
        "UPDATE ledger_transfer SET debit_account = 'sys:gift' WHERE kind = 'adjust'",
        {"transfer_fingerprint", "transfer_accounts"},
    ),
    (
        "usage",
        "UPDATE usage SET input_tokens = input_tokens + 1 WHERE request_id = 'req_000001'",
        {"usage_price"},
    ),
    (
        "usage",
        "UPDATE usage SET price_id = 'price_0' WHERE request_id = 'req_000001'",
        {"usage_price"},
    ),
    (
        "usage",
        "UPDATE usage SET debt_credits = 1 WHERE request_id = 'req_000001'",
        {"wallet_balance", "wallet_debt"},
    ),
    (
        "usage",
        "UPDATE usage SET key_id = 'key_0' WHERE request_id = 'req_000001'",
        {"usage_owner", "key_spent"},
    ),
    (
        "usage",
        "UPDATE usage SET (carry_before, carry_after) = (carry_before + 1, carry_after + 1)",
        {"carry_chain"},
    ),
    (
        "usage",
        "UPDATE usage SET (cost_nano, credits) = (cost_nano + 1000000000, credits + 1)",
        {"wallet_balance", "usage_price", "key_spent", "member_spent"},
    ),
    ("price", "UPDATE price SET version = 2", {"price_versions"}),
    (
        "price",
        "UPDATE price SET input_nano = input_nano + 1 WHERE model = 'gpt'",
        {"usage_price"},
    ),
]


@pytest.fixture
async def books(shop, context):
    """Books with a grant, a credit, calls of odd cost, a hold; returns the customer."""
    ana = await shop.customer()
    key = await shop.key(ana)
    await wallets.credit(context, ana.wallet_id, 50, actor="op", reason="r")
    await shop.call(key, input_tokens=3)
    await shop.call(key, input_tokens=6)
    await shop.hold(key, 7)
    return ana


async def _change(context: Context, *statements: str) -> None:
    async with context.database.write() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))


async def _unguard(context: Context, table: str) -> None:
    on = "" if context.database.is_sqlite else f" ON {table}"
    await _change(context, f"DROP TRIGGER {table}_{UPDATE[context.database.is_sqlite]}{on}")


async def _failed(context: Context) -> set[str]:
    report = await ledger.verify(context)
    assert report.ok == all(check.ok for check in report.checks)
    return {check.name for check in report.checks if not check.ok}


async def test_sound_books_pass_every_check(books, context):
    """Each check says its name, and none a violation."""
    report = await ledger.verify(context)

    assert report.ok
    assert [check.violations for check in report.checks] == [[]] * len(report.checks)
    assert {name for _, name in COUNTERS} < {check.name for check in report.checks}
    assert len({check.name for check in report.checks}) == len(report.checks) == ledger.CHECKS


async def test_empty_books_are_sound(context):
    """There is nothing that could be wrong."""
    assert (await ledger.verify(context)).ok


@pytest.mark.parametrize(("statement", "name"), COUNTERS)
async def test_a_counter_that_was_tampered_with_is_found(books, context, statement, name):
    """By the one check that rebuilds it."""
    await _change(context, statement)

    assert await _failed(context) == {name}


@pytest.mark.parametrize(("table", "statement", "names"), JOURNAL)
async def test_a_row_that_was_tampered_with_is_found(books, context, table, statement, names):
    """Also by the guard that had to be dropped for it."""
    await _unguard(context, table)
    assert await _failed(context) == {"append_only_guards"}
    await _change(context, statement)

    assert await _failed(context) == names | {"append_only_guards"}


async def test_a_violation_says_what_is_wrong(books, context):
    """With the id, what was found, and what it should be."""
    before = (await wallets.get(context, books.wallet_id)).balance
    await _change(context, "UPDATE wallet SET balance = balance + 9")
    report = await ledger.verify(context)
    (check,) = [check for check in report.checks if check.name == "wallet_balance"]

    assert check.violations == [
        f"{books.wallet_id}: the balance is {before + 9}, journal and usage make {before}"
    ]


async def test_many_violations_are_counted_and_few_of_them_told(shop, context):
    """A report stays readable however bad the books are."""
    for number in range(invariants.SHOWN_MAX + 3):
        await shop.customer(f"c{number}@example.com")
    await _change(context, "UPDATE wallet SET balance = balance + 1")
    report = await ledger.verify(context)
    (check,) = [check for check in report.checks if not check.ok]

    assert (len(check.violations), check.count) == (invariants.SHOWN_MAX, invariants.SHOWN_MAX + 3)


async def test_a_hold_of_a_charged_call_is_found(books, context):
    """A request is held or charged, never both."""
    await _change(context, "UPDATE holds SET request_id = 'req_000001'")

    assert await _failed(context) == {"usage_hold"}


async def test_an_overdraft_is_found_where_the_constraint_is_gone(books, context):
    """SQLite would let one through only to who rebuilds the table, PostgreSQL to who drops it."""
    if context.database.is_sqlite:
        await _change(context, "PRAGMA ignore_check_constraints = ON")
    else:
        await _change(context, "ALTER TABLE wallet DROP CONSTRAINT ck_wallet_available")
    await _change(context, "UPDATE wallet SET balance = -1")

    assert await _failed(context) == {"wallet_overdraft", "wallet_balance"}


PENDING = (
    "INSERT INTO ledger_transfer (id, group_id, kind, phase, debit_account, credit_account, "
    "amount, pending_id, idem_key, fingerprint, wallet_id, actor, reason, created_us) "
    "VALUES ('{id}', 'grp', 'task', '{phase}', '{wallet}', 'sys:revenue', {amount}, {pending}, "
    "'{id}', 'x', '{wallet}', 'op', '', 1)"
)


async def test_a_pending_transfer_is_held_until_it_is_resolved(books, context):
    """Open ones count as held, posted ones as drawn, void ones as nothing."""

    def row(name: str, phase: str, amount: int, pending: str = "NULL") -> str:
        return PENDING.format(
            id=name, phase=phase, amount=amount, pending=pending, wallet=books.wallet_id
        )

    await _change(context, row("trf_a", "pending", 5), row("trf_b", "pending", 6))
    await _change(context, "UPDATE wallet SET held = held + 11")
    assert await _failed(context) == {"transfer_fingerprint"}

    await _change(context, row("trf_c", "post", 4, "'trf_a'"), row("trf_d", "void", 0, "'trf_b'"))
    await _change(context, "UPDATE wallet SET held = held - 11, balance = balance - 4")
    assert await _failed(context) == {"transfer_fingerprint"}


@pytest.mark.parametrize(
    ("phase", "amount", "pending"),
    [("post", 6, "'trf_a'"), ("void", 1, "'trf_a'"), ("post", 1, "'trf_0'")],
)
async def test_a_resolution_that_does_not_fit_its_hold_is_found(
    books, context, phase, amount, pending
):
    """More than was held, a void that moves something, and one of nothing."""
    for name, values in {
        "trf_a": ("pending", 5, "NULL"),
        "trf_b": (phase, amount, pending),
    }.items():
        kind, number, resolves = values
        await _change(
            context,
            PENDING.format(
                id=name, phase=kind, amount=number, pending=resolves, wallet=books.wallet_id
            ),
        )

    assert "resolution" in await _failed(context)


async def test_sums_of_nano_credits_do_not_overflow(shop, context):
    """The plain sum of these costs would leave 64 bits, on SQLite with an error."""
    key = await shop.key(await shop.customer())
    for _ in range(3):
        await shop.call(key, input_tokens=1, output_tokens=4 * 10**9)
    await shop.hold(key, 0)

    assert await _failed(context) == set()


async def test_an_estimated_charge_may_stay_below_its_price(books, context):
    """It was capped at what was held; a reported one may not."""
    await _unguard(context, "usage")
    cheaper = "UPDATE usage SET output_tokens = output_tokens + 1"
    await _change(context, f"{cheaper}, estimated = 1")
    assert await _failed(context) == {"append_only_guards"}

    await _change(context, "UPDATE usage SET estimated = 0")
    assert await _failed(context) == {"append_only_guards", "usage_price"}


async def test_pages_cover_all_rows(books, shop, context, monkeypatch):
    """Nothing is lost between one page and the next."""
    monkeypatch.setattr(usage_store, "PAGE_ROWS", 2)
    key = await shop.key(books)
    ids = [await shop.call(key) for _ in range(5)]
    async with context.database.read() as connection:
        pages = [page async for page in usage_store.pricings(connection)]

    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert [row.request_id for page in pages for row in page][2:] == ids
