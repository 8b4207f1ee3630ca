"""Secret references: what each form reads, and that no error repeats a value."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from grip.errors import SecretUnresolved
from grip.settings import check_secret_reference, resolve_secret


def refusal(reference: str, environ: Mapping[str, str], directory: Path | None = None) -> str:
    """Return the sentence that resolving the reference is refused with."""
    with pytest.raises(SecretUnresolved) as refused:
        resolve_secret(reference, environ, directory)
    assert refused.value.code == "secret_unresolved"
    return str(refused.value)


def test_a_variable_holds_a_secret():
    """env:NAME is the value of that variable, without the one line break that may end it."""
    assert resolve_secret("env:UPSTREAM_KEY", {"UPSTREAM_KEY": " a"}) == " a"
    assert resolve_secret("env:UPSTREAM_KEY", {"UPSTREAM_KEY": "a\n"}) == "a"


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"s3", "s3"), (b"s3\n", "s3"), (b"s3\r\n", "s3"), (b" s 3 ", " s 3 ")],
)
def test_a_file_holds_a_secret(tmp_path, content, expected):
    """file:/path is the file's text without the one line break that ends it."""
    path = tmp_path / "secret"
    path.write_bytes(content)

    assert resolve_secret(f"file:{path}", {}) == expected


def test_a_systemd_credential_holds_a_secret(tmp_path):
    """cred:NAME is read from $CREDENTIALS_DIRECTORY, or from the directory given."""
    (tmp_path / "stripe-key").write_text("s3\n", encoding="utf-8")

    assert resolve_secret("cred:stripe-key", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "s3"
    assert resolve_secret("cred:stripe-key", {}, tmp_path) == "s3"


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "hunter2",
        "env:",
        "env:hunter-2",
        "env:1A",
        "file:",
        "file:hunter2",
        "file:~/hunter2",
        "file:/a\nhunter2",
        "file:/a\0b",
        "cred:",
        "cred:.",
        "cred:..",
        "cred:../hunter2",
        "cred:a/hunter2",
        "cred:a\\hunter2",
        "ENV:A",
        "vault:hunter2",
        "https://hunter2",
    ],
)
def test_anything_else_is_refused_unrepeated(reference):
    """What has not one of the three forms may be the secret itself, so no error repeats it."""
    message = refusal(reference, {"hunter2": "x"})

    assert "env:NAME, file:/absolute/path or cred:NAME" in message
    assert "hunter2" not in message
    with pytest.raises(SecretUnresolved):
        check_secret_reference(reference)


@pytest.mark.parametrize("reference", ["env:A", "file:/nowhere/a b", "cred:a.b", "cred:..a"])
def test_the_form_is_checked_without_reading(reference):
    """A reference can be stored before its secret is there."""
    check_secret_reference(reference)


def test_a_missing_secret_names_its_reference(tmp_path):
    """The error says which reference, and what to do or why."""
    assert refusal("env:A", {}) == "the secret env:A is not there; set the variable A"
    assert refusal("file:/nowhere/a", {}).startswith(
        "the secret file:/nowhere/a cannot be read: No"
    )
    assert "cannot be read: Is a directory" in refusal(f"file:{tmp_path}", {})
    assert "cannot be read: No such file" in refusal("cred:a", {}, tmp_path)
    assert "needs $CREDENTIALS_DIRECTORY" in refusal("cred:a", {})


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n"])
def test_an_empty_secret_is_refused(tmp_path, content):
    """An empty secret would sign and open everything, or nothing."""
    path = tmp_path / "secret"
    path.write_bytes(content)

    assert refusal(f"file:{path}", {}) == f"the secret file:{path} is empty; give it a value"
    assert "is empty" in refusal("env:A", {"A": content.decode()})


def test_what_is_no_text_is_refused_unrepeated(tmp_path):
    """Bytes that are no UTF-8, and what is too long, are refused without their content."""
    path = tmp_path / "secret"
    path.write_bytes(b"hunter2\xff")

    assert refusal(f"file:{path}", {}) == f"the secret file:{path} is not UTF-8 text"
    assert refusal("env:A", {"A": "hunter2\udcff"}) == "the secret env:A is not UTF-8 text"
    path.write_bytes(b"a" * 65_537)
    assert "is larger than 65536 bytes" in refusal(f"file:{path}", {})


@pytest.mark.parametrize(
    "value", ["hunter2\n\n", "hunter2\r", "hun\nter2", "hunter2\t", "hunter2\0", "hunter2é"]
)
def test_what_no_header_can_carry_is_refused_unrepeated(tmp_path, value):
    """From wherever it comes: it would fail with each call, and be repeated in an error."""
    path = tmp_path / "secret"
    path.write_text(value, encoding="utf-8", newline="")

    for reference in ("env:A", f"file:{path}"):
        message = refusal(reference, {"A": value})
        assert f"the secret {reference} has line breaks or other characters" in message
        assert "hunter2" not in message


def test_what_is_no_file_holds_no_secret(tmp_path):
    """A pipe is not waited for, a device is not read."""
    os.mkfifo(tmp_path / "pipe")

    assert "is not a file" in refusal(f"file:{tmp_path / 'pipe'}", {})
    assert "is not a file" in refusal("cred:pipe", {}, tmp_path)
    assert "is not a file" in refusal("file:/dev/zero", {})
