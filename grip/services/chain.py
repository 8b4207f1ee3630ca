"""The hash chain: closes what the journals have grown by, and finds what was changed in it.

A block hashes its rows and the block before it, so that nothing in the middle can be changed, taken
out or put in without changing every hash after it. Blocks are closed beside the calls, never in
them. docs/provable-books.md has the encoding.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import msgspec

from grip.services.context import Context
from grip.store.engine import Connection
from grip.store.proofs import chain
from grip.store.proofs.chain import Block, Row
from grip.store.proofs.checkpoints import Head

BLOCK_ROWS: Final = 20_000
_DIGEST_BYTES: Final = 4
_CHUNK_ROWS: Final = 1_000

BEGINNINGS: Final = MappingProxyType(
    {journal: Head(hash=chain.BEGINNING) for journal in chain.JOURNALS}
)
"""The heads before the first blocks."""

_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True, kw_only=True)
class Tally:
    """The rows of a block while they are read."""

    seqs: list[int] = field(default_factory=list)
    hashes: bytearray = field(default_factory=bytearray)
    digests: bytearray = field(default_factory=bytearray)

    def add(self, rows: Iterable[Row]) -> None:
        """Hash more rows, in the order of their `seq`."""
        for row in rows:
            hashed = hashlib.sha256(_encode(row)).digest()
            self.seqs.append(row[0])
            self.hashes += hashed
            self.digests += hashed[:_DIGEST_BYTES]

    def hash(
        self, *, format_: int, journal: str, number: int, first: int, last: int, previous: str
    ) -> str:
        """Return the hash of the block, in hex."""
        header = _encode((format_, journal, number, first, last, len(self.seqs), previous))
        return hashlib.sha256(header + self.hashes).hexdigest()


async def close(context: Context, *, told: Callable[[int], None] = lambda _rows: None) -> int:
    """Close all blocks that can be closed, and return how many rows that were.

    `told` hears of each block's rows. Whatever another node closes meanwhile is left to it.
    """
    closed = 0
    for journal in chain.JOURNALS:
        async with context.database.write() as connection:
            mark = await chain.stable(connection, journal)
        while (block := await _next(context, journal, mark)) is not None:
            async with context.database.write() as connection:
                is_ours = await chain.append(connection, block)
            if is_ours:
                closed += block.row_count
                told(block.row_count)
    return closed


async def pending(context: Context) -> int:
    """Return how many rows no block has closed yet."""
    async with context.database.read() as connection:
        return sum([await chain.pending(connection, journal) for journal in chain.JOURNALS])


async def heads(connection: Connection) -> dict[str, Head]:
    """Return where each journal's chain stands."""
    return {journal: await _head(connection, journal) for journal in chain.JOURNALS}


async def broken(connection: Connection, since: Mapping[str, Head]) -> AsyncIterator[str]:
    """Yield a sentence on everything that is not as it was closed, from these heads on.

    On a frozen connection (`store/snapshot.py`).
    """
    for journal in chain.JOURNALS:
        async for sentence in _broken(connection, journal, since[journal]):
            yield sentence


async def _next(context: Context, journal: str, mark: int) -> Block | None:
    """Return the block that is to be written next, None where the chain has come to the mark."""
    async with context.database.read() as connection:
        before = await _head(connection, journal)
        if before.seq >= mark:
            return None
        after = before.seq if before.number else None
        tally = await _tally(
            connection, journal, format_=chain.FORMAT, after=after, until=mark, most=BLOCK_ROWS
        )
    if not tally.seqs:
        return None
    number, first, last = before.number + 1, before.seq + 1, tally.seqs[-1]
    return Block(
        journal=journal,
        number=number,
        format=chain.FORMAT,
        first_seq=first,
        last_seq=last,
        row_count=len(tally.seqs),
        previous=before.hash,
        hash=tally.hash(
            format_=chain.FORMAT,
            journal=journal,
            number=number,
            first=first,
            last=last,
            previous=before.hash,
        ),
        digests=bytes(tally.digests),
        closed_us=context.clock(),
    )


async def _head(connection: Connection, journal: str) -> Head:
    block = await chain.last(connection, journal)
    if block is None:
        return Head(hash=chain.BEGINNING)
    return Head(number=block.number, seq=block.last_seq, hash=block.hash)


async def _tally(
    connection: Connection,
    journal: str,
    *,
    format_: int,
    after: int | None,
    until: int,
    most: int | None = None,
) -> Tally:
    """Read and hash rows; in a thread and in small parts, for a gateway may run in this process."""
    tally = Tally()
    async for page in chain.pages(connection, journal, format_=format_, after=after, until=until):
        taken = page if most is None else page[: most - len(tally.seqs)]
        for start in range(0, len(taken), _CHUNK_ROWS):
            await asyncio.to_thread(tally.add, taken[start : start + _CHUNK_ROWS])
        if most is not None and len(tally.seqs) >= most:
            break
    return tally


async def _broken(connection: Connection, journal: str, before: Head) -> AsyncIterator[str]:
    async for block in chain.blocks(connection, journal, before.number):
        where = f"{journal}: block {block.number} (seq {block.first_seq} to {block.last_seq})"
        if block.number != before.number + 1:
            yield f"{where}: the block {before.number + 1} before it is missing"
        elif block.previous != before.hash or block.first_seq != before.seq + 1:
            yield f"{where}: it does not go on from the block before it"
        if block.format not in chain.COLUMNS:
            yield f"{where}: its format {block.format} is of no version that this grip knows"
        else:
            async for sentence in _differences(connection, block):
                yield f"{where}: {sentence}"
        before = Head(number=block.number, seq=block.last_seq, hash=block.hash)


async def _differences(connection: Connection, block: Block) -> AsyncIterator[str]:
    # Below the first block nothing may be, also where its numbers would not begin.
    after = None if block.number == 1 else block.first_seq - 1
    tally = await _tally(
        connection, block.journal, format_=block.format, after=after, until=block.last_seq
    )
    hashed = tally.hash(
        format_=block.format,
        journal=block.journal,
        number=block.number,
        first=block.first_seq,
        last=block.last_seq,
        previous=block.previous,
    )
    found = list(located(block.digests, bytes(tally.digests), tally.seqs))
    for sentence in found:
        yield sentence
    if not found and (hashed != block.hash or len(tally.seqs) != block.row_count):
        yield "the block itself was changed, or rows of it in a way that cannot be located"


def located(were: bytes, are: bytes, seqs: Sequence[int]) -> Iterable[str]:
    """Yield a sentence on each row that is not as it was: digests then, digests and rows now.

    A row's digest covers its `seq`, so that what both have is in the same order.
    """
    if were == are:
        return
    old, new = _parts(were), _parts(are)
    known, left = frozenset(old), frozenset(new)
    at = 0
    strangers: list[int] = []
    for place, digest in enumerate([*new, None]):
        if digest is not None and digest not in known:
            strangers.append(seqs[place])
            continue
        begun = at
        while at < len(old) and old[at] not in left:
            at += 1
        yield from _gap(strangers, at - begun, seqs, place)
        strangers = []
        at += 1


def _gap(strangers: list[int], lost: int, seqs: Sequence[int], place: int) -> Iterable[str]:
    """Yield what happened between two rows that are as they were; `place` is the second's."""
    if len(strangers) == lost:
        yield from (f"the row {seq} was changed" for seq in strangers)
    elif not lost:
        yield from (f"the row {seq} was put in" for seq in strangers)
    else:
        first = place - len(strangers) - 1
        start = f"after {seqs[first]}" if first >= 0 else "from its beginning"
        end = f"before {seqs[place]}" if place < len(seqs) else "to its end"
        are = f", and the rows {', '.join(map(str, strangers))} stand there" if strangers else ""
        gone = "a row is" if lost == 1 else f"{lost} rows are"
        yield f"{gone} missing {start}, {end}{are}"


def _parts(digests: bytes) -> list[bytes]:
    size = _DIGEST_BYTES
    return [digests[at : at + size] for at in range(0, len(digests), size)]
