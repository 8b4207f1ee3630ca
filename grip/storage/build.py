"""From the configuration to the store that it asks for."""

from collections.abc import Callable
from pathlib import Path

from grip import errors
from grip.settings import Results, resolve_secret
from grip.storage.directory import DirectoryStore
from grip.storage.port import ResultStore


def build(results: Results, *, resolve: Callable[[str], str] = resolve_secret) -> ResultStore:
    """Return the store of this configuration; nothing is opened yet.

    Raises ConfigurationInvalid where it asks for S3 and a key or the library is missing, and
    SecretUnresolved.
    """
    if results.storage == "directory":
        return DirectoryStore(Path(results.directory))
    _check(results)
    # Sixteen megabytes on the disk, and nine of memory in each worker, that few need.
    try:
        from grip.storage.s3 import S3Store  # noqa: PLC0415
    except ModuleNotFoundError:
        raise errors.ConfigurationInvalid(
            'results.storage: "s3" needs a library; pip install "grip-gateway[s3]"',
            param="results.storage",
        ) from None
    return S3Store(
        results.s3_bucket,
        region=results.s3_region,
        prefix=results.s3_prefix,
        endpoint=results.s3_endpoint or None,
        access_key=None if results.s3_access_key is None else resolve(results.s3_access_key),
        secret_key=None if results.s3_secret_key is None else resolve(results.s3_secret_key),
        virtual_host=results.s3_virtual_host,
    )


def _check(results: Results) -> None:
    """Refuse keys that only together make sense, and do not."""
    if not results.s3_bucket:
        raise errors.ConfigurationInvalid(
            'results.s3_bucket: is missing; storage = "s3" needs it', param="results.s3_bucket"
        )
    if (results.s3_access_key is None) != (results.s3_secret_key is None):
        raise errors.ConfigurationInvalid(
            "results.s3_secret_key: s3_access_key and s3_secret_key belong together; give both or "
            "none",
            param="results.s3_secret_key",
        )
