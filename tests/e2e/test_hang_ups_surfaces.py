"""Clients that hang up, on every surface: each pays once, and as one of chat does.

All cuts of all streams on SQLite, and one of each on PostgreSQL: what is charged is the same code.
"""

import contextlib
import threading
from pathlib import Path

import pytest

from tests.e2e.cuts import Cut, assert_owed, charged, cuts_of, hang_up, offer, until
from tests.e2e.flows import FLOWS, TRANSCRIPTS, Asked, Flow, wav
from tests.e2e.house import House
from tests.e2e.leaver import Leaver
from tests.e2e.scripts import after, gated, polite, raw, stalls, whole
from tests.e2e.wholes import EDITS, WHOLES, Whole

ON_SQLITE = pytest.mark.parametrize("house", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("house", ["postgres"], indirect=True)
EVERY = pytest.mark.parametrize(
    ("flow", "cut"),
    [
        pytest.param(flow, cut, id=f"{flow.name}, {cut.name}")
        for flow in FLOWS
        for cut in cuts_of(flow)
    ],
)
ONE = pytest.mark.parametrize(
    ("flow", "cut"), [pytest.param(flow, cuts_of(flow)[3], id=flow.name) for flow in FLOWS]
)


def _drained(house: House, flow: Flow, cut: Cut) -> None:
    """Its own report, of all that it generated, and once; no other channel is asked."""
    go_on = threading.Event()
    events = flow.events
    ana = house.customer()
    good = offer(house, flow, after(cut.begun(events), go_on, raw(cut.rest(events))), polite)
    hang_up(house, ana, good, cut, flow=flow)
    go_on.set()
    row = charged(house, ana)

    assert row.status == "cut" or _has_ended(flow, cut)
    assert (row.estimated, row.cost_nano) == (False, flow.cost_nano)
    assert good.calls == [1, 0]


def _stopped(house: House, flow: Flow, cut: Cut) -> None:
    """Its report where that had come, else what it had generated; its connection is closed."""
    ana = house.customer()
    good = offer(house, flow, stalls(cut.begun(flow.events)), polite, drains=False)
    hang_up(house, ana, good, cut, flow=flow)
    assert _has_ended(flow, cut) or good.doors[0].left.wait(30)
    row = charged(house, ana)

    if cut.counted:
        assert row.status == "cut" or _has_ended(flow, cut)
        assert (row.estimated, row.cost_nano) == (False, flow.cost_nano)
    else:
        assert_owed(row, flow, cut.words)
    assert good.calls == [1, 0]


def _has_ended(flow: Flow, cut: Cut) -> bool:
    """Whether the stream was at its end by then, and its last word is all that was not seen."""
    return cut.counted and not flow.last


@ON_SQLITE
@EVERY
def test_a_stream_that_is_drained_tells_what_is_charged(house: House, flow: Flow, cut: Cut):
    """On every surface, wherever it is cut."""
    _drained(house, flow, cut)


@ON_SQLITE
@EVERY
def test_a_stream_that_is_stopped_is_charged_for_what_has_come(house: House, flow: Flow, cut: Cut):
    """On every surface, wherever it is cut: never nothing, never above the hold."""
    _stopped(house, flow, cut)


@ON_POSTGRES
@ONE
def test_postgres_charges_what_is_drained_and_what_is_stopped(house: House, flow: Flow, cut: Cut):
    """As SQLite does."""
    _drained(house, flow, cut)
    _stopped(house, flow, cut)


@ON_SQLITE
@pytest.mark.parametrize("drains", [True, False])
@pytest.mark.parametrize("asked", WHOLES, ids=lambda asked: asked.name)
def test_a_whole_answer_that_nobody_waits_for_is_charged_once(
    house: House,
    asked: Whole,
    drains: bool,  # noqa: FBT001
):
    """As one of chat: the upstream generates it all, whatever its channel does with streams."""
    go_on = threading.Event()
    ana = house.customer()
    script = gated(go_on, whole(asked.answer, kind=asked.content_type))
    good = offer(house, asked, script, polite, drains=drains)
    body = {"model": good.name, **asked.body}
    leaver = Leaver(house, ana, body, path=asked.path, files=asked.files)
    good.doors[0].next()
    leaver.leave()
    go_on.set()
    row = charged(house, ana)

    assert (row.status, row.estimated, row.cost_nano) == ("completed", False, asked.cost_nano)
    assert good.calls == [1, 0]


@ON_SQLITE
@pytest.mark.parametrize("asked", [TRANSCRIPTS, EDITS], ids=lambda asked: asked.name)
@pytest.mark.parametrize("sends", [0, 60, 100_000], ids=["nothing", "a field", "half a file"])
def test_who_leaves_while_sending_a_form_has_asked_nobody(house: House, asked: Asked, sends: int):
    """Nothing is held, and nobody is called."""
    ana, good = house.customer(), offer(house, asked, polite)
    files = dict.fromkeys(asked.files or (), b"RIFF" * 50_000)
    body = {"model": good.name, **asked.body}
    Leaver(house, ana, body, path=asked.path, files=files, sends=sends).leave()

    house.assert_untouched(ana)
    assert good.calls == [0]


@ON_SQLITE
@pytest.mark.parametrize("asked", [TRANSCRIPTS, EDITS], ids=lambda asked: asked.name)
def test_the_file_of_who_leaves_while_sending_it_is_given_up(house: House, asked: Asked):
    """It had come so far that it lay on the disk."""
    ana, good, before = house.customer(), offer(house, asked, polite), _on_disk(house)
    files = dict.fromkeys(asked.files or (), b"RIFF" * 250_000)
    body = {"model": good.name, **asked.body}
    leaver = Leaver(house, ana, body, path=asked.path, files=files, sends=900_000)
    until(lambda: bool(_on_disk(house) - before), "no file comes")
    came = _on_disk(house) - before
    leaver.leave()

    until(lambda: not came & _on_disk(house), "the file stays")
    house.assert_untouched(ana)
    assert good.calls == [0]


@ON_SQLITE
@pytest.mark.parametrize("drains", [True, False])
def test_the_file_of_who_left_is_given_up_with_the_call(
    house: House,
    drains: bool,  # noqa: FBT001
):
    """It lay on the disk while the upstream heard it."""
    go_on, flow, cut = threading.Event(), TRANSCRIPTS, cuts_of(TRANSCRIPTS)[3]
    ana, before = house.customer(), _on_disk(house)
    script = after(cut.begun(flow.events), go_on, raw(cut.rest(flow.events)))
    good = offer(house, flow, script if drains else stalls(cut.begun(flow.events)), drains=drains)
    body = {"model": good.name, "stream": True}
    leaver = Leaver(house, ana, body, path=flow.path, files={"file": wav(20)})
    leaver.read_until(flow.sees[1])
    came = _on_disk(house) - before
    leaver.leave()
    go_on.set()

    assert charged(house, ana).status == "cut"
    assert came
    until(lambda: not came & _on_disk(house), "the file stays")


def _on_disk(house: House) -> set[str]:
    """Return the nameless files that the gateway has open."""
    found = set()
    for link in Path(f"/proc/{house.gateway.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(link.readlink()))
    return {file for file in found if file.endswith("(deleted)")}
