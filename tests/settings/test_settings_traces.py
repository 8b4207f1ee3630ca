"""Traces need a library that most do without, and say so at the start."""

import sys

import pytest

from grip import app, gateway, settings
from grip.errors import ConfigurationInvalid


def test_traces_without_their_library_stop_the_start(monkeypatch: pytest.MonkeyPatch):
    """With one sentence that says what to install."""
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "grip.gateway.otel", raising=False)
    monkeypatch.delattr(gateway, "otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    chosen = settings.load(environ={"GRIP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"})

    with pytest.raises(ConfigurationInvalid, match=r"traces\.endpoint: .*grip-gateway\[otel\]"):
        app._spans(chosen, lambda: 0)
