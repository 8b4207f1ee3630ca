"""Both kinds of store, on a fresh directory and on a local server that speaks S3."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from grip.storage import DirectoryStore, ResultStore
from grip.storage.s3 import S3Store
from tests.storage import s3_server


@pytest.fixture
def s3() -> Iterator[s3_server.S3Server]:
    server = s3_server.S3Server()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3: s3_server.S3Server) -> S3Store:
    return S3Store(
        s3_server.BUCKET,
        region=s3_server.REGION,
        prefix="kept/here",
        endpoint=s3.address,
        access_key=s3_server.ACCESS_KEY,
        secret_key=s3_server.SECRET_KEY,
    )


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "results")


@pytest.fixture(params=["directory", "bucket"])
def store(request: pytest.FixtureRequest) -> ResultStore:
    found: ResultStore = request.getfixturevalue(request.param)
    return found
