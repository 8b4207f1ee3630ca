"""What the audit log keeps of a start: the keys that are other than before."""

import asyncio
from dataclasses import replace
from typing import Any

from grip.services import audit, starts
from grip.services.context import Context
from grip.settings import load


def _with(context: Context, **environ: str) -> Context:
    return replace(context, settings=load(environ=environ))


async def _start(context: Context, command: str = "serve") -> tuple[Any, Any]:
    await starts.record(context, command=command, actor="root", host="one")
    row = (await audit.list_audit(context, limit=1))[0]
    assert (row.action, row.actor, row.subject) == ("settings.start", "root", f"{command}@one")
    return row.before, row.after


async def test_the_first_start_tells_all_and_the_next_what_differs(context: Context):
    """A key that came or went is null on the other side; where all is alike, there is no row."""
    first = await _start(_with(context))
    await starts.record(_with(context), command="serve", actor="eve", host="two")
    same = await audit.list_audit(context)
    busy = _with(context, GRIP_SERVER_WORKERS="4", GRIP_REGIONS_EU_ENDPOINT="https://eu.example")
    changed = await _start(busy)
    back = await _start(_with(context))
    other = await _start(_with(context), command="worker")

    assert first[0] is None
    assert first[1]["server.port"] == 8000
    assert "grip.version" in first[1]
    assert [row.actor for row in same] == ["root"]
    assert changed == (
        {"server.workers": 1, "regions.eu.endpoint": None},
        {"server.workers": 4, "regions.eu.endpoint": "https://eu.example"},
    )
    assert back == (changed[1], changed[0])
    assert other[0] is None


async def test_secrets_are_told_as_references_and_passwords_not_at_all(context: Context):
    """Neither in the log, nor in what is kept for the next start."""
    environ = {
        "GRIP_DATABASE_URL": "postgresql://me:hidden@host/name",
        "GRIP_PAYMENTS_STRIPE_SECRET_KEY": "env:HIDING",
        "HIDING": "sk_live_hidden",
    }
    _, after = await _start(replace(context, settings=load(environ=environ)))

    assert after["database.url"] == "postgresql://me:***@host/name"
    assert after["payments.stripe.secret_key"] == "env:HIDING"
    assert "hidden" not in str(after)


async def test_two_starts_at_once_tell_a_difference_once(context: Context):
    """One of them comes second, sees what the first has left, and has nothing to tell."""
    await _start(_with(context))
    changed = _with(context, GRIP_SERVER_PORT="9000")
    both = (starts.record(changed, command="serve", actor="root") for _ in range(2))
    await asyncio.gather(*both)
    told = [row.before for row in await audit.list_audit(context)]

    assert told == [{"server.port": 8000}, None]
