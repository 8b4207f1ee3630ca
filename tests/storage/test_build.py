"""From the configuration to a store."""

import dataclasses
import sys
from typing import Any

import pytest

from grip import errors, storage
from grip.settings import Results
from grip.storage import DirectoryStore
from tests.storage import s3_server
from tests.storage.files import in_chunks
from tests.storage.s3_server import S3Server


@pytest.fixture
def configured(s3: S3Server) -> Results:
    return Results(
        storage="s3",
        s3_bucket=s3_server.BUCKET,
        s3_region=s3_server.REGION,
        s3_endpoint=s3.address,
        s3_access_key="env:ACCESS",
        s3_secret_key="env:SECRET",
    )


def resolve(reference: str) -> str:
    return {"env:ACCESS": s3_server.ACCESS_KEY, "env:SECRET": s3_server.SECRET_KEY}[reference]


def test_results_lie_in_a_directory_unless_told(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Nothing is made before the first result."""
    monkeypatch.chdir(tmp_path)

    assert isinstance(storage.build(Results()), DirectoryStore)
    assert list(tmp_path.iterdir()) == []


async def test_the_directory_is_relative_as_the_database_s_file_is(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    """To where grip was started."""
    monkeypatch.chdir(tmp_path)
    await storage.build(Results(directory="kept")).put("task_a/0", in_chunks(b"x"))

    assert (tmp_path / "kept/_a/task_a.0").read_bytes() == b"x"


async def test_results_lie_in_a_bucket_where_that_is_asked(configured: Results, s3: S3Server):
    """With the secrets that the references name."""
    await storage.build(configured, resolve=resolve).put("task_a/0", in_chunks(b"x"))

    assert s3.objects == {"task_a/0": b"x"}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"s3_bucket": ""}, "results.s3_bucket"),
        ({"s3_access_key": None}, "results.s3_secret_key"),
        ({"s3_secret_key": None}, "results.s3_secret_key"),
    ],
)
def test_what_is_missing_is_named(configured: Results, change: dict[str, Any], param: str):
    """Before anything is served."""
    with pytest.raises(errors.ConfigurationInvalid) as raised:
        storage.build(dataclasses.replace(configured, **change), resolve=resolve)

    assert raised.value.param == param


def test_a_library_that_is_missing_is_named(configured: Results, monkeypatch: pytest.MonkeyPatch):
    """With the command that brings it."""
    monkeypatch.delitem(sys.modules, "grip.storage.s3", raising=False)
    monkeypatch.delattr(storage, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)

    with pytest.raises(errors.ConfigurationInvalid, match=r"grip-gateway\[s3\]"):
        storage.build(configured, resolve=resolve)
