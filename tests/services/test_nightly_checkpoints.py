"""The step `chain` night by night: a checkpoint each, all rows once a week, and no false word."""

import asyncio
import dataclasses
import types
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from grip.jobs import chain
from grip.services import checkpoints, closing, ledger
from grip.services.context import Context
from grip.services.maintenance.step import Done, Run
from grip.store import standing
from grip.store.engine import Database
from grip.store.standing import Verified
from tests.conftest import FakeClock

NIGHT_S = 24 * 3600


async def _step(context: Context) -> Done:
    app: Any = types.SimpleNamespace(context=context)
    return await chain.run(app, Run())


async def _verified(context: Context) -> Verified:
    async with context.database.read() as connection:
        noted = await standing.verified(connection)
    assert noted is not None
    return noted


async def test_each_night_has_a_checkpoint_and_one_in_seven_is_of_all_rows(
    shop: Any, context: Context, clock: FakeClock
):
    """Though a timer lets each night begin up to a quarter of an hour earlier or later."""
    made, whole = [], set()
    for night, late_s in enumerate((0, 900, 10, 300, 900, 0, 1, 880, 0, 900, 5, 0, 600, 0, 900)):
        await shop.customer(f"c{night}@example.com")
        begun_us = clock.now_us
        clock.advance(late_s)
        made.append((await _step(context)).did["checkpoints"])
        whole.add((await _verified(context)).whole_us)
        clock.now_us = begun_us
        clock.advance(NIGHT_S)

    assert made == [1] * 15
    assert len(whole) == 3


async def test_what_the_whole_found_stands_until_the_whole_is_right(
    shop: Any, context: Context, clock: FakeClock
):
    """No partial check clears it, and no checkpoint is made upon such books."""
    key = await shop.key(await shop.customer())
    await shop.call(key)
    await _step(context)
    await _tamper(context, "UPDATE usage SET ip = 'x'")
    whole = await ledger.verify_and_note(context)
    part = await ledger.verify_and_note(context, since_checkpoint=True)
    refused = await _step(context)  # at once, though no checkpoint is due
    noted = await _verified(context)
    await _tamper(context, "UPDATE usage SET ip = '192.0.2.1'")
    mended = await _step(context)

    assert (whole.ok, part.ok, noted.violations) == (False, True, 1)
    assert (refused.did["checkpoints"], mended.did["checkpoints"]) == (0, 1)
    assert "the books are not right (chain)" in refused.problems[0]
    assert (mended.problems, (await _verified(context)).violations) == ((), 0)


async def test_a_line_that_was_mistyped_says_nothing_of_the_books(shop: Any, context: Context):
    """Who checks it is told; whoever watches the books is not."""
    await shop.call(await shop.key(await shop.customer()))
    made = await closing.checkpoint(context, actor="op")
    before = await _verified(context)
    wrong = checkpoints.Line(id=made.id, digest="0" * 64)
    report = await ledger.verify_and_note(context, line=wrong)

    assert (report.ok, await _verified(context)) == (False, before)


async def _tamper(context: Context, statement: str) -> None:
    """Change old rows, as who may do everything: with the guards away for a moment."""
    async with context.database.write() as connection:
        if context.database.is_sqlite:
            found = sa.text("SELECT sql FROM sqlite_master WHERE name = 'usage_no_update'")
            guard = (await connection.execute(found)).scalar_one()
            await connection.execute(sa.text("DROP TRIGGER usage_no_update"))
            await connection.execute(sa.text(statement))
            await connection.exec_driver_sql(guard)
        else:
            for word, sql in (("DISABLE", statement), ("ENABLE", "SELECT 1")):
                await connection.execute(sa.text(f"ALTER TABLE usage {word} TRIGGER USER"))
                await connection.execute(sa.text(sql))


async def test_who_comes_second_to_a_checkpoint_has_no_problem(
    shop: Any, context: Context, monkeypatch: pytest.MonkeyPatch
):
    """Of two machines at the same minute one makes it, and both are content."""
    await shop.call(await shop.key(await shop.customer()))
    both = asyncio.Barrier(2)
    draw_up = closing._drawn_up

    async def together(*args: Any, **how: Any) -> Any:
        drawn = await draw_up(*args, **how)
        await both.wait()
        return drawn

    monkeypatch.setattr(closing, "_drawn_up", together)
    other = dataclasses.replace(context, database=Database(context.database.url))
    done = await asyncio.gather(_step(context), _step(other))
    await other.database.close()

    assert sorted(one.did["checkpoints"] for one in done) == [0, 1]
    assert [one.problems for one in done] == [(), ()]


async def test_who_may_only_read_verifies_all_the_same(postgres_url: str, context: Context):
    """An auditor's role cannot note it, and is told what was found."""
    database = Database(postgres_url)
    role = f"auditor_{database.dsn.rpartition('/')[2].partition('?')[0]}"
    owner = await asyncpg.connect(database.dsn)
    await owner.execute(f"CREATE ROLE {role} LOGIN")
    await owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    url = sa.engine.make_url(postgres_url).set(username=role, password=None)
    reader = Database(url.render_as_string(hide_password=False))
    try:
        found = await ledger.verify_and_note(dataclasses.replace(context, database=reader))
    finally:
        await reader.close()
        await database.close()
        await owner.execute(f"DROP OWNED BY {role}")
        await owner.execute(f"DROP ROLE {role}")
        await owner.close()

    assert found.ok
