"""What a process starts with: its settings, and in the audit log what differs from the last start.

Secrets are told as the references that they are, passwords in URLs not at all. Refuses to judge
settings, or to keep more than those of the last start.
"""

import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from grip import __version__, errors
from grip import settings as configuration
from grip.services.changes import differing
from grip.services.context import Context
from grip.store import audit, meta
from grip.store.engine import Connection

_VERSION: Final = "grip.version"
_ATTEMPTS: Final = 5
SOCKETS: Final = "server.sockets"
"""No key of the configuration: where it listens by systemd's word, each as ADDRESS:PORT."""


async def record(
    context: Context,
    *,
    command: str,
    actor: str,
    host: str | None = None,
    sockets: Sequence[str] = (),
) -> None:
    """Leave an audit row of a start on `host`, by default this machine: the keys that differ.

    They are told as they were at the last start of the same `command`, on whichever machine, and
    as they are; the first start tells all of them. One that changes nothing leaves no row: a
    service that is started over and over would fill the log, which keeps its rows for ever.
    `sockets` are the addresses that systemd handed over, which count instead of `[server] host`.
    """
    subject = f"{command}@{host or socket.gethostname()}"
    after = {_VERSION: __version__, **configuration.flat(configuration.describe(context.settings))}
    if sockets:
        after[SOCKETS] = list(sockets)
    async with context.database.write() as connection:
        before = await _turn_over(connection, _fact(command), after)
        was, is_now = _difference(before, after)
        if not is_now:
            return
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="settings.start",
            subject=subject,
            before=was,
            after=is_now,
        )


async def last(context: Context, *, command: str) -> Mapping[str, Any] | None:
    """Return the settings of the last start of `command`, flat; None where there was none."""
    async with context.database.read() as connection:
        kept = await meta.get(connection, _fact(command))
    return None if kept is None else msgspec.json.decode(kept, type=dict[str, Any])


async def _turn_over(
    connection: Connection, name: str, after: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Keep the settings of this start, and return those of the last one; None where none was."""
    text = msgspec.json.encode(after).decode()
    for _ in range(_ATTEMPTS):
        kept = await meta.get(connection, name)
        if await meta.swap(connection, name, kept, text):
            return None if kept is None else msgspec.json.decode(kept, type=dict[str, Any])
    raise errors.DatabaseUnavailable("another process starts here over and over; stop it first")


def _difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """Return both sides of what changed; a key that is no longer there is null now."""
    if before is None:
        return None, after
    gone = dict.fromkeys(before.keys() - after.keys())
    # As it was kept: what is compared must have gone through JSON on both sides.
    now = msgspec.json.decode(msgspec.json.encode({**after, **gone}), type=dict[str, Any])
    return differing(before, now)


def _fact(command: str) -> str:
    return f"settings:{command}"
