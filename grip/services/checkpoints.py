"""What a checkpoint is: its digest, the line to keep elsewhere, and whether it still holds.

A digest covers the heads of the chain, the balances and the checkpoint before, so that who keeps
one line can prove the whole past. Refuses to make one: that is `services/closing.py`.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from grip import errors
from grip.clock import to_iso
from grip.store.engine import Connection
from grip.store.proofs import chain, checkpoints
from grip.store.proofs.checkpoints import Balance, Checkpoint

FORMAT: Final = 1
WORD: Final = "grip-checkpoint"
HASH: Final = "sha256:"

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the line that somebody kept says."""

    id: str
    digest: str


def line(made: Checkpoint) -> str:
    """Return the line to keep where nobody who can write the database can."""
    return f"{WORD} {made.id} {to_iso(made.at_us)} {HASH}{made.digest}"


def read(kept: str) -> Line:
    """Return what a line says; raises InvalidRequest for what is none."""
    match kept.split():
        case [word, id_, _, digest] if word == WORD and digest.startswith(HASH):
            return Line(id=id_, digest=digest.removeprefix(HASH))
        case _:
            raise errors.InvalidRequest(
                f"a line to check is as `grip ledger checkpoint` prints it: {WORD} ID TIME {HASH}…",
                param="checkpoint",
            )


def describe(made: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint as it is shown."""
    heads = {
        journal: {"block": head.number, "seq": head.seq, "hash": head.hash}
        for journal, head in made.heads.items()
    }
    return {
        "id": made.id,
        "number": made.number,
        "at": to_iso(made.at_us),
        "sha256": made.digest,
        "line": line(made),
        "heads": heads,
    }


def digest_of(made: Checkpoint) -> str:
    """Return the hash over all that a checkpoint says but its digest, in hex."""
    told = [(name, head.number, head.seq, head.hash) for name, head in sorted(made.heads.items())]
    content = (FORMAT, WORD, made.number, made.id, made.at_us, told, made.balances, made.previous)
    return hashlib.sha256(_encode(content)).hexdigest()


def digest_of_balances(balances: Iterable[Balance]) -> str:
    """Return the hash over balances, which are sorted, in hex."""
    hashed = hashlib.sha256()
    for one in balances:
        hashed.update(_encode((one.kind, one.id, one.credits, one.nano, one.debt)))
    return hashed.hexdigest()


async def broken(connection: Connection, since: Checkpoint | None) -> AsyncIterator[str]:
    """Yield a sentence on everything that is wrong with the checkpoints, or with that one alone."""
    found = await checkpoints.load(connection) if since is None else [since]
    for sentence in _disordered(found) if since is None else ():
        yield sentence
    for made in found:
        for sentence in _altered(made):
            yield sentence
        async for sentence in _uprooted(connection, made):
            yield sentence
    for made in found[-checkpoints.KEPT :]:
        if digest_of_balances(await checkpoints.balances(connection, made.id)) != made.balances:
            yield f"{made.id}: its balances are not those that it was made with"


async def unproven(connection: Connection, kept: Line) -> AsyncIterator[str]:
    """Yield a sentence where the books do not contain the checkpoint of a line."""
    found = [made for made in await checkpoints.load(connection) if made.id == kept.id]
    if not found:
        yield f"{kept.id}: the books have no such checkpoint; it was taken out, or is of others"
    elif found[0].digest != kept.digest:
        yield f"{kept.id}: the books have another digest than the line, {found[0].digest}"


def _disordered(found: Sequence[Checkpoint]) -> Iterable[str]:
    number, previous = 0, chain.BEGINNING
    for made in found:
        if made.number != number + 1:
            yield f"{made.id}: the checkpoint {number + 1} before it is missing"
        elif made.previous != previous:
            yield f"{made.id}: it does not go on from the checkpoint before it"
        number, previous = made.number, made.digest


def _altered(made: Checkpoint) -> Iterable[str]:
    if digest_of(made) != made.digest:
        yield f"{made.id}: its content is not the one that its digest was taken of"


async def _uprooted(connection: Connection, made: Checkpoint) -> AsyncIterator[str]:
    """Yield a sentence for each journal whose chain no longer has the block that it stands on."""
    for journal, head in made.heads.items():
        if head.number and await chain.hash_of(connection, journal, head.number) != head.hash:
            yield f"{made.id}: it stands on block {head.number} of {journal}, which is another now"
