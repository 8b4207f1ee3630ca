"""Forms with files, read off ASGI in pieces: what is taken, and what is refused by name."""

import contextlib
import itertools
import tempfile
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.errors import InvalidRequest, RequestTooLarge, ServiceUnavailable
from grip.providers.form import Form, Upload
from grip.web import forms, spool

TYPE = "multipart/form-data; boundary=edge"
FILE = b"\x00\r\n--edg not the edge\r\n" * 40
BODY = (
    b'--edge\r\nContent-Disposition: form-data; name="model"\r\n\r\nmine\r\n'
    b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a \xc3\xa4.wav"\r\n'
    b"Content-Type: audio/wav\r\nX-Odd: 1\r\n\r\n" + FILE + b"\r\n"
    b'--edge\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\r\n--edge--\r\n'
)


async def _read(
    body: bytes,
    *,
    kind: str = TYPE,
    cuts: Sequence[int] = (),
    most: int = 10**6,
    left: bool = False,
) -> Form:
    """Read a body that arrives cut into pieces; `left` says that the client does not finish it."""
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[start:stop] for start, stop in itertools.pairwise(edges)] or [b""]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": left or at < len(pieces) - 1}
        for at, piece in enumerate(pieces)
    ]
    messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    scope: Any = {"headers": [(b"content-type", kind.encode())]}
    return await forms.read_form(scope, receive, most)


async def _whole(upload: Upload) -> bytes:
    return b"".join([chunk async for chunk in upload.chunks()])


@given(st.lists(st.integers(min_value=0, max_value=10_000), max_size=6))
async def test_a_form_is_the_same_however_it_is_cut(cuts: list[int]):
    """Its fields, its files, and what goes on of it."""
    form = await _read(BODY, cuts=cuts)
    try:
        sent = form.upload({})
        assert [(part.name, part.filename) for part in form.parts] == [
            ("model", None),
            ("file", "a ä.wav"),
            ("prompt", None),
        ]
        assert await _whole(sent) == BODY.replace(b"X-Odd: 1\r\n", b"")
        assert sent.size == len(await _whole(sent))
    finally:
        form.close()


async def test_a_field_is_replaced_and_all_else_stays():
    """The model, under the name that the channel knows; twice, for two channels."""
    form = await _read(BODY)
    for name in (b"theirs", b"another"):
        sent = form.upload({"model": name})
        whole = await _whole(sent)
        assert b'name="model"\r\n\r\n%b\r\n' % name in whole
        assert FILE in whole
        assert sent.size == len(whole)
    form.close()


async def test_a_digest_is_of_the_parts_and_not_of_the_boundary():
    """The same form again has another boundary; another file has another digest."""
    digests = []
    for body, kind in (
        (BODY, TYPE),
        (BODY.replace(b"--edge", b"--other"), TYPE.replace("edge", "other")),
        (BODY.replace(b"not the edge", b"now an edge"), TYPE),
        (BODY.replace(b"mine", b"yours"), TYPE),
    ):
        form = await _read(body, kind=kind)
        digests.append(form.digest)
        form.close()

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


async def test_a_large_file_lies_on_the_disk(monkeypatch: pytest.MonkeyPatch):
    """And is read from there as often as it is asked for."""
    monkeypatch.setattr(spool, "MEMORY_BYTES", 100)
    form = await _read(BODY, cuts=[150, 300, 600])
    first, again = await _whole(form.upload({})), await _whole(form.upload({}))
    form.close()

    assert first == again
    assert FILE in first


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        (BODY[:-4], TYPE, "no form that can be read"),
        (BODY[:200], TYPE, "no form that can be read"),
        (b"{}", TYPE, "no form that can be read"),
        (b"", TYPE, "no form that can be read"),
        (BODY, "multipart/form-data", "no boundary"),
        (BODY, "multipart/form-data; boundary=" + "x" * 201, "no boundary"),
        (BODY.replace(b'name="model"', b"x=1"), TYPE, "no form that can be read"),
        (BODY.replace(b'"model"', b'""'), TYPE, "needs a name"),
        (BODY.replace(b"form-data; name", b"attachment; name"), TYPE, "no form that can be read"),
        (BODY.replace(b"\r\n", b"\n"), TYPE, "no form that can be read"),
    ],
    ids=["end", "cut", "json", "empty", "edge", "long", "unnamed", "name", "kind", "lines"],
)
async def test_what_is_no_form_is_refused(body: bytes, kind: str, told: str):
    """With a sentence that says what is wrong with it."""
    with pytest.raises(InvalidRequest, match=told):
        await _read(body, kind=kind)


@pytest.mark.parametrize(
    ("body", "most"),
    [
        (BODY, 100),
        (BODY.replace(b"mine", b"x" * 1_100_000), 10**7),
        (BODY.replace(b"X-Odd: 1", b"X-Odd: " + b"1" * 10_000), 10**6),
        (
            b"".join(
                BODY.split(b"\r\n")[0] + b"\r\n" + b'Content-Disposition: form-data; name="a"'
                b"\r\n\r\n\r\n"
                for _ in range(300)
            ),
            10**6,
        ),
    ],
    ids=["all", "fields", "head", "parts"],
)
async def test_what_is_too_large_is_refused(body: bytes, most: int):
    """As a whole, in its fields, in a head, or in the number of parts."""
    with pytest.raises(RequestTooLarge):
        await _read(body, most=most)


async def test_who_leaves_half_way_leaves_nothing():
    """No file stays open: an open one would be a warning, and warnings are errors here."""
    with pytest.raises(InvalidRequest, match="the client left"):
        await _read(BODY[:200], left=True)


async def test_a_disk_without_room_is_the_gateways_trouble(monkeypatch: pytest.MonkeyPatch):
    """The client may come again."""

    def full() -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "MEMORY_BYTES", 100)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(ServiceUnavailable, match="no room for the file") as refused:
        await _read(BODY)

    assert "No space" in refused.value.detail


@given(st.binary(max_size=300), st.lists(st.integers(min_value=0, max_value=300), max_size=3))
async def test_whatever_comes_is_a_form_or_refused(body: bytes, cuts: list[int]):
    """And leaves nothing behind."""
    with contextlib.suppress(InvalidRequest, RequestTooLarge):
        form = await _read(b"--edge\r\n" + body, cuts=cuts)
        form.close()
