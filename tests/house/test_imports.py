"""What a worker loads: each library costs megabytes in each of them."""

import subprocess
import sys
from pathlib import Path

import pytest

WORKER = """
import sys
from grip import app, settings
from grip.web import app as web, server
web.build(app.build(settings.load(environ={})))
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The libraries that are loaded once an application is built."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "library",
    [
        *("alembic", "cryptography", "fpdf", "google.protobuf", "opentelemetry.sdk", "PIL"),
        *("pydantic", "typer"),
    ],
)
def test_a_worker_does_without(loaded: set[str], library: str):
    """Schema changes, signatures, documents, traces, others' models, commands: not there."""
    assert {"litestar", "sqlalchemy"} <= loaded
    assert library not in loaded
