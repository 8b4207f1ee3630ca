"""Whether a file that arrived is all of it, as far as its own structure tells.

Follows the lengths that a file says of its parts, while it flows by. Refuses to guess: only what
is certainly cut is called so, since a good result that is refused is a job paid for nothing.
"""

from typing import Final, Protocol

_TO_THE_END: Final = 1 << 62
_TOP_BOXES: Final = frozenset(
    b"ftyp styp moov mdat free skip wide moof mfra sidx ssix emsg prft pdin meta meco udta uuid "
    b"pnot PICT".split()
)


class Wholeness(Protocol):
    """Watches one file."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""

    def is_cut(self) -> bool:
        """Tell whether something is certainly missing after the last bytes."""


def watch(content_type: str, head: bytes) -> Wholeness:
    """Return what watches a file of this type, which begins with `head`; it is fed all of it."""
    if content_type == "image/png":
        return _Png()
    if content_type == "image/jpeg":
        return _Jpeg()
    if head[4:8] == b"ftyp" or content_type == "video/quicktime":
        return _Boxes({b"meta"} if content_type.startswith("image/") else {b"moov", b"mdat"})
    return _AtLeast(_announced(head))


class _AtLeast:
    """A file that says its length at its beginning, or none."""

    def __init__(self, least: int) -> None:
        self._missing = least

    def feed(self, data: bytes) -> None:
        self._missing -= len(data)

    def is_cut(self) -> bool:
        return self._missing > 0


class _Steps:
    """Goes over a file from one head of a part to the next, wherever the chunks are cut."""

    def __init__(self, first: int, head_bytes: int) -> None:
        self._skip = first
        self._head = bytearray()
        self._head_bytes = head_bytes

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._skip:
                taken = min(self._skip, len(data) - at)
                self._skip -= taken
            else:
                taken = min(self._head_bytes - len(self._head), len(data) - at)
                self._head += data[at : at + taken]
            at += taken
            if len(self._head) == self._head_bytes:
                head = bytes(self._head)
                self._head.clear()
                self._skip = self.step(head)

    def step(self, head: bytes) -> int:
        """Return how many bytes come after this head, before the next one."""
        raise NotImplementedError

    def is_inside(self) -> bool:
        """Tell whether a part that said its length is not over."""
        return 0 < self._skip < _TO_THE_END // 2


class _Boxes(_Steps):
    """MP4 and its kin: boxes with their lengths, among them those without which none plays."""

    def __init__(self, needed: set[bytes]) -> None:
        super().__init__(0, 8)
        self._needed = needed
        self._is_long = False

    def step(self, head: bytes) -> int:
        if self._is_long:
            self._is_long = False
            return max(int.from_bytes(head) - 16, 0)
        size, kind = int.from_bytes(head[:4]), head[4:]
        if kind not in _TOP_BOXES:
            return _TO_THE_END  # something behind the last box, or a kind nobody has heard of
        self._needed = self._needed - {kind}
        self._is_long = size == 1
        if size > 1:
            return max(size - 8, 0)
        return 0 if self._is_long else _TO_THE_END  # the last box need not say its length

    def is_cut(self) -> bool:
        return bool(self._needed) or self._is_long or self.is_inside()


class _Png(_Steps):
    """Chunks with their lengths; the last one says that it is."""

    def __init__(self) -> None:
        super().__init__(8, 8)
        self._has_end = False

    def step(self, head: bytes) -> int:
        if head[4:] == b"IEND":
            self._has_end = True
            return _TO_THE_END
        return int.from_bytes(head[:4]) + 4

    def is_cut(self) -> bool:
        return not self._has_end


class _Jpeg(_Steps):
    """Segments up to the picture itself, which ends where the marker of the end is."""

    def __init__(self) -> None:
        super().__init__(2, 4)
        self._is_in_picture = False
        self._last = b""
        self._is_over = False

    def feed(self, data: bytes) -> None:
        if not self._is_in_picture:
            super().feed(data)
        # Within the head a picture may hold another: there the marker is not looked for.
        if self._is_in_picture and not self._is_over:
            self._is_over = b"\xff\xd9" in self._last + data
            self._last = data[-1:]

    def step(self, head: bytes) -> int:
        if head[0] != 0xFF or head[1] in (0xD9, 0xFF):  # noqa: PLR2004
            self._is_over = True  # not as files usually are: no judgement
            return _TO_THE_END
        if head[1] == 0xDA:  # noqa: PLR2004 - the start of the scan
            self._is_in_picture = True
            return _TO_THE_END
        return max(int.from_bytes(head[2:]) - 2, 0)

    def is_cut(self) -> bool:
        return not self._is_over


def _announced(head: bytes) -> int:
    """Return the length that a file says of itself, 0 where it says none."""
    if head.startswith(b"RIFF"):
        size = int.from_bytes(head[4:8], "little")
        # What was written to a pipe has no length, and the byte that evens an odd one may be left.
        return 0 if size == 0xFFFFFFFF else size + 7  # noqa: PLR2004
    if head.startswith(b"\x1aE\xdf\xa3"):
        at, size = _number(head, 4)
        begin = at + size
        if size >= 0 and head[begin : begin + 4] == b"\x18\x53\x80\x67":
            at, size = _number(head, begin + 4)
            return at + size if size >= 0 else 0
    return 0


def _number(head: bytes, at: int) -> tuple[int, int]:
    """Read a number of Matroska's; return where it ends, and -1 for one that is unknown."""
    first = head[at] if at < len(head) else 0
    length = 9 - first.bit_length()
    if length > 8 or at + length > len(head):  # noqa: PLR2004 - of bytes at the most
        return at, -1
    value = int.from_bytes(head[at : at + length]) - (1 << (7 * length))
    return at + length, value if value != (1 << (7 * length)) - 1 else -1
