"""A disk that keeps what was synced, and of the rest what chance has it.

The strict reading of POSIX: a name in a folder is there for good only once the folder was synced,
and writes that were not synced may be kept, lost or torn at a sector, each for itself.
"""

import itertools
from dataclasses import dataclass, field
from random import Random

SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bytes for a place in a file; None cuts it off there."""

    number: int
    offset: int
    data: bytes | None


@dataclass(slots=True)
class File:
    """What is on the disk for good, and what has been written since."""

    kept: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """A name in the folder begins to stand for a file, or for none."""

    number: int
    name: str
    file: File | None


class Disk:
    """One folder; `names` is how the running system sees it."""

    def __init__(self, base: dict[str, bytes]) -> None:
        self.names = {name: File(bytearray(data)) for name, data in base.items()}
        self._kept_names = dict(self.names)
        self._pending_names: list[Naming] = []
        self._numbers = itertools.count(1)
        self._now = 0

    def create(self, name: str) -> None:
        """Make an empty file, unless it is there."""
        if name not in self.names:
            self._rename(name, File())

    def unlink(self, name: str) -> None:
        """Let the name go."""
        self._rename(name, None)

    def write(self, file: File, offset: int, data: bytes | None) -> None:
        """Write, or cut off, what may be lost."""
        file.pending.append(Write(number=self._next(), offset=offset, data=data))

    def sync_begins(self) -> int:
        """Return what a sync that begins now is going to cover."""
        return self._now

    def synced(self, file: File, covered: int) -> None:
        """A sync of the file has ended."""
        while file.pending and file.pending[0].number <= covered:
            _apply(file.kept, file.pending.pop(0))

    def folder_synced(self, covered: int) -> None:
        """A sync of the folder has ended."""
        while self._pending_names and self._pending_names[0].number <= covered:
            _name(self._kept_names, self._pending_names.pop(0))

    def after_power_loss(self, chance: Random) -> dict[str, bytes]:
        """Return what the next start finds; what is kept of the rest differs from call to call."""
        names = dict(self._kept_names)
        for naming in self._pending_names[: chance.randint(0, len(self._pending_names))]:
            _name(names, naming)
        luck = chance.choice((0.0, 0.5, 0.9, 1.0))
        return {name: _torn(file, chance, luck) for name, file in names.items()}

    def _rename(self, name: str, file: File | None) -> None:
        naming = Naming(number=self._next(), name=name, file=file)
        _name(self.names, naming)
        self._pending_names.append(naming)

    def _next(self) -> int:
        self._now = next(self._numbers)
        return self._now


def _name(names: dict[str, File], naming: Naming) -> None:
    if naming.file is None:
        names.pop(naming.name, None)
    else:
        names[naming.name] = naming.file


def _apply(content: bytearray, write: Write) -> None:
    if write.data is None:
        del content[write.offset :]
        content.extend(bytes(write.offset - len(content)))
        return
    end = write.offset + len(write.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[write.offset : end] = write.data


def _torn(file: File, chance: Random, luck: float) -> bytes:
    """Return the file with each pending write kept with this luck, else lost or torn."""
    content = bytearray(file.kept)
    for write in file.pending:
        if chance.random() < luck:
            _apply(content, write)
        elif write.data is not None and chance.random() < 1 / 2:
            _apply_torn(content, write.offset, write.data, chance)
    return bytes(content)


def _apply_torn(content: bytearray, offset: int, data: bytes, chance: Random) -> None:
    """Apply what is before or after a border between two sectors of the disk."""
    end = offset + len(data)
    first = offset // SECTOR_BYTES + 1
    borders = [at * SECTOR_BYTES for at in range(first, -(-end // SECTOR_BYTES))]
    if not borders:
        return
    cut = chance.choice(borders) - offset
    if chance.random() < 1 / 2:
        _apply(content, Write(number=0, offset=offset, data=data[:cut]))
    else:
        _apply(content, Write(number=0, offset=offset + cut, data=data[cut:]))
