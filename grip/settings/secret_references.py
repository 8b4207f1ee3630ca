"""The operator's secrets: references in, values out, at the moment of use.

Owns the three forms env:NAME, file:/path and cred:NAME. Refuses to store a value, to log it, or to
repeat a malformed reference, since that is often the secret itself, pasted by mistake.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from grip.errors import SecretUnresolved
from grip.settings.process import ENVIRON

_SECRET_BYTES_MAX = 65_536
_LINE_BREAK = re.compile(r"\r?\n\Z")
_FORMS = {
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    "file": re.compile(r"/[^\x00-\x1f\x7f]+"),
    "cred": re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f]{1,255}"),
}


def check_secret_reference(reference: str) -> None:
    """Check the form alone, env:NAME, file:/path or cred:NAME; else raise `SecretUnresolved`."""
    _parts(reference)


def resolve_secret(
    reference: str,
    environ: Mapping[str, str] = ENVIRON,
    credentials_directory: Path | None = None,
) -> str:
    """Return the secret's value, never empty, without the one line break that may end it.

    `cred:NAME` is read from `credentials_directory`, by default systemd's $CREDENTIALS_DIRECTORY.
    Whatever is malformed, missing, empty or unreadable raises `SecretUnresolved`, and so does what
    a header cannot carry: all but printable ASCII.
    """
    form, target = _parts(reference)
    if form == "env":
        value = _from_environment(target, environ)
    elif form == "file":
        value = _from_file(Path(target), reference)
    else:
        value = _from_file(
            _credentials(credentials_directory, environ, reference) / target, reference
        )
    value = _LINE_BREAK.sub("", value)
    if not value.strip():
        raise SecretUnresolved(f"the secret {reference} is empty; give it a value")
    if not (value.isascii() and value.isprintable()):
        raise SecretUnresolved(
            f"the secret {reference} has line breaks or other characters that are not printable "
            "ASCII; write it again"
        )
    return value


def _parts(reference: str) -> tuple[str, str]:
    form, _, target = reference.partition(":")
    pattern = _FORMS.get(form)
    if pattern is None or not pattern.fullmatch(target):
        raise SecretUnresolved(
            "a secret is written as a reference: env:NAME, file:/absolute/path or cred:NAME"
        )
    return form, target


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        raise SecretUnresolved(f"the secret env:{name} is not there; set the variable {name}")
    return _text(value.encode(errors="surrogateescape"), f"env:{name}")


def _credentials(given: Path | None, environ: Mapping[str, str], reference: str) -> Path:
    directory = given or environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise SecretUnresolved(
            f"the secret {reference} needs $CREDENTIALS_DIRECTORY, which systemd sets; "
            "add LoadCredential= to the unit, or run gripc (docs/install.md)"
        )
    return Path(directory)


def _from_file(path: Path, reference: str) -> str:
    try:
        # A pipe that nobody writes to would keep whoever opens it, and the loop, for ever.
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SecretUnresolved(f"the secret {reference} is not a file; name one")
            content = file.read(_SECRET_BYTES_MAX + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SecretUnresolved(f"the secret {reference} cannot be read: {reason}") from error
    if len(content) > _SECRET_BYTES_MAX:
        raise SecretUnresolved(f"the secret {reference} is larger than {_SECRET_BYTES_MAX} bytes")
    return _text(content, reference)


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _text(content: bytes, reference: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        # Without its cause: that error repeats the bytes.
        raise SecretUnresolved(f"the secret {reference} is not UTF-8 text") from None
