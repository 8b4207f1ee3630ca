"""The load and the upstream of `make bench` count what there is to count, in both languages."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import processes, tools, wire
from tests.bench.tools import Tools

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


@pytest.fixture(params=[pytest.param("c", marks=needs_compiler), "python"])
def made(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """The tools in each language."""
    if request.param == "python":
        monkeypatch.setattr(shutil, "which", lambda _: None)
    return tools.make(tmp_path)


@pytest.fixture
def port(made: Tools, tmp_path: Path) -> Iterator[int]:
    """The port of an upstream that runs."""
    whole, stream = tmp_path / "whole", tmp_path / "stream"
    whole.write_bytes(wire.whole_answer())
    stream.write_bytes(wire.streamed_answer())
    port = processes.free_port()
    command = [*made.upstream, str(port), str(whole), str(stream)]
    with processes.started(command, frozenset(processes.all_cores()), tmp_path) as pid:
        processes.wait_until_ready(port, pid, tmp_path)
        yield port


def _load(
    made: Tools, folder: Path, port: int, shape: str, events: int
) -> subprocess.CompletedProcess[str]:
    requests, size = wire.requests(["a-key", "b-key"], wire.SHAPES[shape])
    path = folder / "requests"
    path.write_bytes(requests)
    words = [str(path), str(size), str(port), "2", "0.1", str(events)]
    return subprocess.run([*made.load, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("shape", wire.SHAPES)
def test_every_answer_of_a_kind_is_counted(made: Tools, port: int, tmp_path: Path, shape: str):
    """Whole answers, bursts and paced streams arrive in full, and none of them is an error."""
    done = _load(made, tmp_path, port, shape, wire.SHAPES[shape].events)
    told = json.loads(done.stdout)

    assert told["errors"] == 0, done.stderr
    assert told["requests"] >= 2
    assert 0 < told["first_p50_ms"] <= told["p50_ms"] <= told["p99_ms"]


def test_a_stream_that_lacks_an_event_is_no_answer(made: Tools, port: int, tmp_path: Path):
    """A load that expects another event than there are tells so, and counts nothing."""
    done = _load(made, tmp_path, port, "burst", wire.SHAPES["burst"].events + 1)

    assert done.returncode == 1
    assert "a bad answer" in done.stderr
    assert "no good answer" in done.stderr
