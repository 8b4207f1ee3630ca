"""[results]: where what tasks make is kept, how much of it, and for how long."""

# key() returns dataclasses.field(), which Ruff cannot see

import re
from dataclasses import dataclass
from typing import Final

from grip.settings.addresses import LinkOrNothing
from grip.settings.kinds import (
    Choice,
    Kind,
    OrNothing,
    Shaped,
    Truth,
    ValueRefused,
    Whole,
    Word,
    text_of,
)
from grip.settings.payment_keys import SecretReference
from grip.settings.schema import key

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_REFERENCE: Final = OrNothing(kind=SecretReference(), word="none")


class Folder(Kind[str]):
    """The path of a directory."""

    def from_toml(self, value: object) -> str:
        """Accept any path that is not empty."""
        path = text_of(value)
        if not path.strip():
            raise ValueRefused("must name a directory")
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """[results]: the pictures, films and sounds that tasks make."""

    mode: str = key(
        "store",
        Choice(words=("store", "proxy")),
        "store keeps each result; proxy fetches it from the vendor whenever it is asked for, and "
        "has it no longer than the vendor does (from an hour to a month). What vendors send as "
        "bytes, without an address, is kept with either.",
    )
    storage: str = key(
        "directory",
        Choice(words=("directory", "s3")),
        "Where results are kept: directory, or s3 for storage that speaks S3 (this needs "
        "grip-gateway[s3]). Several nodes need s3, or a directory that all of them share.",
    )
    directory: str = key(
        "results",
        Folder(),
        'The directory of storage = "directory", relative to the working directory as the '
        "database's file is. It is made when the first result comes.",
    )
    max_bytes: int = key(
        1_073_741_824,
        Whole(minimum=1024, maximum=2**36),
        "The largest result in bytes; a task whose result is larger fails, and costs nothing.",
    )
    keep_days: int | None = key(
        30,
        OrNothing(kind=Whole(maximum=36_500), word="forever"),
        'Days that a result is kept after its task has ended, or "forever".',
    )
    s3_bucket: str = key(
        "",
        Shaped(shape=_BUCKET, wanted="the name of a bucket: 3 to 63 of a-z 0-9 . _ and -"),
        "The bucket, which has to exist. Give it a lifecycle rule that ends incomplete uploads.",
    )
    s3_prefix: str = key(
        "",
        Shaped(shape=_PREFIX, wanted="names of letters, digits, . _ and -, with / between them"),
        "What stands before the names of results in the bucket; may be empty.",
    )
    s3_region: str = key("us-east-1", Word(), "The region of the bucket.")
    s3_endpoint: str = key(
        "",
        LinkOrNothing(),
        "The address of the storage, where it is not Amazon's; may be empty.",
    )
    s3_virtual_host: bool = key(
        False,
        Truth(),
        "Whether the bucket is a part of the host's name; with an endpoint, that is to hold it.",
    )
    s3_access_key: str | None = key(
        None,
        _REFERENCE,
        'Reference to the access key; "none" takes the role of the machine, as on Amazon\'s.',
    )
    s3_secret_key: str | None = key(
        None, _REFERENCE, 'Reference to the secret of the access key, or "none".'
    )
