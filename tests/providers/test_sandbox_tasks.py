"""The sandbox's tasks: real files, made by nobody, and every way to fail on demand."""

import io
import struct
import wave
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.providers import sandbox
from grip.providers.port import Target, UpstreamRequest
from grip.providers.sandbox import SandboxTasks
from grip.providers.sandbox.behaviour import TASK_FAILURES, parse
from grip.providers.sandbox.video import video
from grip.providers.task_port import (
    Ambiguous,
    Found,
    Probed,
    Rejected,
    Snapshot,
    Submitted,
    TaskCall,
    Unclear,
)
from tests.providers.task_calls import NOW_US, code, seen, task

ADAPTER = SandboxTasks()
HERE = Target(base_url="", secret=None)
SECOND_US = 1_000_000


def _play(request: UpstreamRequest | Rejected | None) -> sandbox.Script:
    assert isinstance(request, UpstreamRequest)
    path = request.url.removeprefix(sandbox.SCHEME)
    return sandbox.task_script(request.method, path, request.body)


def _answered(request: UpstreamRequest | Rejected | None) -> Probed:
    played = _play(request)
    assert played.status, f"the connection broke: {played.behaviour.fail}"
    return Probed(status=played.status, body=b"".join(played.chunks))


def _submit(call: TaskCall) -> Any:
    told = _answered(ADAPTER.submit(call, HERE))
    return ADAPTER.submitted(call, told.status, told.headers, told.body)


def _look(call: TaskCall, after_s: float = 0, **members: Any) -> Any:
    """Submit a task, and look at it a while later."""
    taken = _submit(call)
    assert isinstance(taken, Submitted)
    later = task(
        call.type,
        call.model,
        dict(call.input.values),
        upstream_id=taken.upstream_id,
        now_us=NOW_US + round(after_s * SECOND_US),
        **members,
    )
    return ADAPTER.snapshot(later, HERE, _answered(ADAPTER.probe(later, HERE)))


def _results(call: TaskCall) -> list[sandbox.Script]:
    return [_play(ADAPTER.fetch(each, HERE)) for each in seen(_look(call)).results]


def test_it_needs_no_network_and_no_key():
    """Its requests go to an address that no network has, unless a test has one."""
    loopback = Target(base_url="http://127.0.0.1:1", secret="never")
    requests = [ADAPTER.submit(task("image"), each) for each in (HERE, loopback)]

    assert [each.url for each in requests] == ["sandbox:/tasks", "http://127.0.0.1:1/tasks"]
    assert "never" not in str(requests)


def test_a_job_goes_its_way_in_its_own_time():
    """A quarter in the queue, then at work, then done; the clock is the caller's."""
    call = task("video", "m?delay_s=8")
    looks = [seen(_look(call, after_s)) for after_s in (0, 1.9, 2, 4, 7.9, 8, 9_999)]
    states = [each.state for each in looks]

    assert states == ["queued", "queued", "running", "running", "running", "completed", "completed"]
    assert [each.progress for each in looks] == [0, 0, 25, 50, 98, 100, 100]


def test_any_process_knows_any_job():
    """Its id says all that there is of it; what is no id of the sandbox's is not found."""
    taken = _submit(task("image"))
    for upstream_id in (taken.upstream_id[:-2], "sb_x", "sb_", "x", f"{taken.upstream_id}x"):
        call = task("image", upstream_id=upstream_id)
        assert _answered(ADAPTER.probe(call, HERE)).status == 404


def test_its_pictures_are_real_ones():
    """As many as were asked for."""
    found = _results(task("image", "m", {"prompt": "x", "n": 3}))

    assert [each.chunks[0][:8] for each in found] == [b"\x89PNG\r\n\x1a\n"] * 3
    assert {each.content_type for each in found} == {"image/png"}


def test_its_sound_is_as_long_as_was_asked():
    """Speech by its characters, music by its seconds."""
    lengths = []
    for given_input in ({"input": "x" * 40}, {"prompt": "a waltz", "seconds": 5}):
        (script,) = _results(task("audio", "m", given_input))
        with wave.open(io.BytesIO(script.chunks[0])) as sound:
            lengths.append(sound.getnframes() / sound.getframerate())

    assert lengths == [3, 5]


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes of an MP4, those within others too."""
    at = 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        assert 8 <= size <= len(data) - at
        yield name, data[at + 8 : at + size]
        if name in {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"}:
            yield from _boxes(data[at + 8 : at + size])
        at += size


@pytest.mark.parametrize("seconds", [1, 2, 8, 600])
def test_its_videos_are_real_ones(seconds: int):
    """An MP4 whose index comes first, names each picture where it stands, and its length."""
    data = video(seconds)
    boxes = dict(_boxes(data))
    timescale, duration = struct.unpack_from(">II", boxes[b"mdhd"], 12)
    (count,) = struct.unpack_from(">I", boxes[b"stsz"], 8)
    sizes = struct.unpack_from(f">{count}I", boxes[b"stsz"], 12)
    (place,) = struct.unpack_from(">I", boxes[b"stco"], 8)

    assert data[4:8] == b"ftyp"
    assert duration == seconds * timescale
    assert count == seconds
    assert sum(sizes) == len(boxes[b"mdat"])
    assert data.index(boxes[b"mdat"]) == place
    for size in sizes:
        (unit,) = struct.unpack_from(">I", data, place)
        assert unit == size - 4
        assert b"\0\0\1" not in data[place + 4 : place + size]
        place += size


def test_a_video_lasts_as_long_as_was_asked():
    """And is counted so."""
    call = task("video", "m", {"prompt": "x", "seconds": 6})

    assert _results(call)[0].chunks[0] == video(6)
    assert seen(_look(call)).usage.seconds == 6


@pytest.mark.parametrize("status", [400, 401, 422, 429, 503])
def test_a_submission_may_be_refused(status: int):
    """With any status; nothing was made."""
    found = _submit(task("image", f"m?fail={status}"))

    assert isinstance(found, Rejected)
    assert found.retry == (status not in {400, 422})


def test_a_submission_may_be_refused_for_its_content():
    """For good."""
    found = _submit(task("image", "m?fail=blocked"))

    assert isinstance(found, Rejected)
    assert (found.code, found.retry) == ("content_policy", False)


def test_a_submission_may_be_answered_with_an_error():
    """In a 200."""
    assert isinstance(_submit(task("image", "m?fail=error")), Rejected)


@pytest.mark.parametrize("fail", ["500", "502", "garbage", "cut"])
def test_report_6_a_submission_may_be_answered_with_nothing_readable(fail: str):
    """Nobody knows then."""
    assert isinstance(_submit(task("image", f"m?fail={fail}")), Ambiguous)


@pytest.mark.parametrize(
    ("fail", "broken"),
    [("connect", "connect"), ("close", "close"), ("lost", "close"), ("stall", "stall")],
)
def test_report_6_a_submission_may_break(fail: str, broken: str):
    """Before it was sent, or after it was taken: the wire looks the same."""
    played = _play(ADAPTER.submit(task("image", f"m?fail={fail}"), HERE))

    assert played.behaviour.fail == broken


def _found(model: str) -> Any:
    call = task("image", model)
    return ADAPTER.found(call, HERE, _answered(ADAPTER.find(call, HERE)))


@pytest.mark.parametrize("fail", ["lost", "stall", "garbage", "cut"])
def test_report_7_a_submission_that_was_taken_is_found_by_its_mark(fail: str):
    """With the same id, and the job goes on."""
    found = _found(f"m?fail={fail}")
    call = task("image", f"m?fail={fail}", upstream_id=found.upstream_ids[0])

    assert found.certain
    assert seen(ADAPTER.snapshot(call, HERE, _answered(ADAPTER.probe(call, HERE)))).results


@pytest.mark.parametrize(
    "settings", ["fail=connect", "fail=close", "fail=500", "fail=lost&find=none"]
)
def test_report_7_a_submission_that_made_nothing_is_not_found(settings: str):
    """Nor one that the sandbox was told to hide."""
    assert _found(f"m?{settings}") == Found(certain=True)


@pytest.mark.parametrize("fail", ["garbage", "empty", "unknown", "500", "502", "429", "401", "404"])
def test_report_15_looks_may_fail_while_a_job_runs(fail: str):
    """None is a verdict, and the job ends well all the same."""
    model = f"m?delay_s=8&fail=poll_{fail}"

    assert isinstance(_look(task("image", model), 4), Unclear)
    assert seen(_look(task("image", model), 8)).state == "completed"


def test_a_look_may_break():
    """As a connection that closes."""
    model = "m?delay_s=8&fail=poll_close"
    taken = _submit(task("image", model))
    call = task("image", model, upstream_id=taken.upstream_id)

    assert _play(ADAPTER.probe(call, HERE)).behaviour.fail == "close"


def test_a_job_may_go_back_to_the_queue():
    """As jobs do that fal puts on another runner."""
    call = task("image", "m?delay_s=8&fail=backwards")
    states = [seen(_look(call, after_s)).state for after_s in (1, 3, 5, 7, 8)]

    assert states == ["queued", "running", "queued", "running", "completed"]


@pytest.mark.parametrize(
    ("fail", "expected"),
    [
        ("failed", "upstream_failed"),
        ("policy", "content_policy"),
        ("cancelled", "cancelled"),
        ("expired", "expired"),
        ("empty", "content_policy"),
    ],
)
def test_a_job_may_end_badly(fail: str, expected: str):
    """In each way that a vendor has."""
    assert code(_look(task("image", f"m?fail={fail}"))) == expected


def test_a_job_may_never_end():
    """It is running for ever."""
    assert seen(_look(task("image", "m?fail=never"), 10**6)).state == "running"


@pytest.mark.parametrize(
    ("cancel", "state", "billed"),
    [("accepted", "failed", False), ("refused", "running", False), ("billed", "failed", True)],
)
def test_a_cancellation_is_taken_refused_or_charged(
    cancel: str,
    state: str,
    billed: bool,  # noqa: FBT001
):
    """The next look tells."""
    call = task("video", f"m?delay_s=8&cancel={cancel}")
    found = seen(_look(call, 4, cancelling=True))
    asked = _answered(ADAPTER.cancel(task("video", upstream_id=_submit(call).upstream_id), HERE))

    assert (found.state, found.billed) == (state, billed)
    assert asked.status == (409 if cancel == "refused" else 202)


def test_a_cancellation_that_comes_too_late_changes_nothing():
    """What is done is done."""
    assert seen(_look(task("video", "m?delay_s=8"), 8, cancelling=True)).state == "completed"


@pytest.mark.parametrize(
    ("usage", "images"), [("", 2), ("none", None), ("zero", 0), ("above", 2_000), ("garbage", None)]
)
def test_its_usage_may_be_a_lie(usage: str, images: int | None):
    """Above any hold, or no number at all."""
    call = task("image", f"m?usage={usage}" if usage else "m", {"prompt": "x", "n": 2})

    assert seen(_look(call)).usage.images == images


def test_it_may_make_fewer_than_were_asked_for():
    """And count them."""
    found = seen(_look(task("image", "m?results=3", {"prompt": "x", "n": 4})))

    assert (len(found.results), found.usage.images) == (3, 3)


def test_its_results_may_not_be_what_they_claim():
    """A dead link, a page, half a file, and two gigabytes."""
    played = {
        fail: _results(task("image", f"m?fail={fail}"))[0]
        for fail in ("dead_link", "lying_result", "cut_result", "huge_result")
    }
    whole = _results(task("image"))[0].chunks[0]

    assert played["dead_link"].status == 404
    assert played["lying_result"].chunks[0].startswith(b"<html>")
    assert played["lying_result"].content_type == "image/png"
    assert whole.startswith(played["cut_result"].chunks[0])
    assert len(played["cut_result"].chunks[0]) < len(whole)
    assert sum(map(len, played["huge_result"].chunks)) == 2 * 1024**3


@pytest.mark.parametrize("fail", TASK_FAILURES)
def test_every_failure_is_known_by_its_name(fail: str):
    """And none but those."""
    assert parse(f"m?fail={fail}").fail == fail
    for wrong in (f"fail={fail}x", "cancel=x", "find=x", "results=21", "results=-1", "usage=x"):
        with pytest.raises(ValueError, match="knows no"):
            parse(f"m?{wrong}")


def test_a_bad_setting_is_answered_as_a_bad_request():
    """Rather than with a broken connection."""
    assert isinstance(_submit(task("image", "m?fail=pondering")), Rejected)


@given(st.text(max_size=40), st.binary(max_size=40), st.sampled_from(["GET", "POST", "DELETE"]))
def test_no_request_makes_it_raise(path: str, body: bytes, method: str):
    """It is on the wire, in tests."""
    for route in (f"{sandbox.TASKS}/{path}", f"{sandbox.TASKS}?{path}", sandbox.TASKS):
        assert isinstance(sandbox.task_script(method, route, body).status, int)


def test_the_word_that_nobody_documented_is_no_word_of_its_own():
    """Else an unknown one could not be tried."""
    found = _look(task("image", "m?delay_s=8&fail=poll_unknown"), 4)

    assert isinstance(found, Unclear)
    assert found.reason == "unknown_status"
    assert not isinstance(found, Snapshot)
