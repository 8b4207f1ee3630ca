"""Files that a command writes: whole, or an error that names the option."""

from pathlib import Path

from grip.errors import InvalidRequest


def write(path: Path, content: bytes, option: str) -> None:
    """Write a file; raises InvalidRequest where it cannot be."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidRequest(f"{option}: {path} cannot be written: {error.strerror}") from error
