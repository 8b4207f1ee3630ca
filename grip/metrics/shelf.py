"""Where the workers of a node lay what they have counted, for whichever of them is asked.

Two files in memory for each, made before the workers are forked: no directory to clean, no
socket to guard, and what a worker counted outlives it. Whoever takes the place of one that died
goes on from there, since a sum that fell would look to Prometheus like a restart of all.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

import msgspec

from grip.metrics.counts import Counts, Snapshot

_HEAD: Final = struct.Struct("<QI")

Place = tuple[int, int]
"""The descriptors of one worker's two files, which are written in turn."""


class Shelf:
    """The places of all workers, seen from the one at `mine`; a lone process needs none."""

    def __init__(self, places: Sequence[Place] = (), mine: int = 0) -> None:
        self._places = tuple(places)
        self._mine = mine
        self._turn = 0

    @property
    def is_shared(self) -> bool:
        """Whether there is anybody to lay something down for."""
        return bool(self._places)

    def put(self, counted: Snapshot) -> None:
        """Lay down what this worker has counted, beside what it laid down before.

        Who is killed in the middle of it leaves that, and who reads in the middle of it finds that.
        """
        if not self._places:
            return
        body = msgspec.msgpack.encode(counted)
        head = _HEAD.pack(len(body), zlib.crc32(body))
        os.pwrite(self._places[self._mine][self._turn], head + body, 0)
        self._turn = 1 - self._turn

    def carry_on(self, counts: Counts) -> None:
        """Let `counts` begin where the worker before this one stopped."""
        if self._places and (before := _newest(self._places[self._mine])) is not None:
            counts.carry_on(before)

    def others(self) -> list[Snapshot]:
        """Return what the other workers laid down last."""
        others = (one for place, one in enumerate(self._places) if place != self._mine)
        return [found for one in others if (found := _newest(one)) is not None]


def places(count: int) -> list[Place]:
    """Return the files of so many workers, for them to inherit; they go with the last of them."""
    return [(_file(number), _file(number)) for number in range(count)]


def _file(number: int) -> int:
    return os.memfd_create(f"grip-metrics-{number}")


def _newest(place: Place) -> Snapshot | None:
    found = [one for file in place if (one := _read(file)) is not None]
    return max(found, key=attrgetter("at"), default=None)


def _read(file: int) -> Snapshot | None:
    """Return what lies in a file; None where nothing does, or it is not whole."""
    data = os.pread(file, os.fstat(file).st_size, 0)
    if len(data) < _HEAD.size:
        return None
    size, proof = _HEAD.unpack_from(data)
    body = data[_HEAD.size : _HEAD.size + size]
    return msgspec.msgpack.decode(body, type=Snapshot) if zlib.crc32(body) == proof else None
