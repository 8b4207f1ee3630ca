"""Traces need a library that most do without, and say so before anything else is done."""

import sys
from pathlib import Path

import pytest

from grip import app, gateway, settings
from grip.errors import ConfigurationInvalid
from tests.cli.conftest import call

CHOSEN = {"GRIP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}


@pytest.fixture(autouse=True)
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that does without the library."""
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "grip.gateway.otel", raising=False)
    monkeypatch.delattr(gateway, "otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


def test_traces_without_their_library_stop_the_start():
    """With one sentence that says what to install."""
    chosen = settings.load(environ=CHOSEN)

    with pytest.raises(ConfigurationInvalid, match=r"traces\.endpoint: .*grip-gateway\[otel\]"):
        app._spans(chosen, lambda: 0)


@pytest.mark.parametrize("words", ["config check", "doctor", "serve", "worker"])
def test_it_is_told_before_a_gateway_that_runs_is_stopped_for_it(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """By the check of the configuration, as by the start, which touches no database then."""
    monkeypatch.chdir(tmp_path)
    for name, value in CHOSEN.items():
        monkeypatch.setenv(name, value)
    told = call(*words.split())

    assert told.status == 1
    assert "traces.endpoint: traces need a library" in told.stdout + told.stderr
    assert list(tmp_path.iterdir()) == []
