"""The page for receivers of callbacks: its program verifies, its table and schedule are true."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grip import ids, settings
from grip.cli.callbacks import app
from grip.clock import system_clock
from grip.services.callback_secrets import OVERLAP_S
from grip.standard_webhooks import sign
from grip.tasks.callbacks.verdicts import SCHEDULE_S
from grip.transport.destination import URL_CHARACTERS_MAX
from grip.transport.dialer import HEAD_BYTES_MAX, READ_BYTES

PAGE = (Path(__file__).parents[2] / "docs" / "callbacks.md").read_text(encoding="utf-8")
BODY = '{"type":"task.completed","data":{"id":"täsk"}}'.encode()


@pytest.fixture
def is_from_grip() -> Callable[..., bool]:
    """The function of the page."""
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - the page's own program
    return names["is_from_grip"]  # type: ignore[no-any-return]


def headers(*secrets: str, at_s: int) -> dict[str, str]:
    """Return what grip sends with the body."""
    return sign(secrets, "cb_1", at_s, BODY)


def test_the_program_of_the_page_takes_what_grip_signs(is_from_grip: Callable[..., bool]):
    """With one secret, and with either of two."""
    now_s = system_clock() // 1_000_000
    old, new = ids.new_callback_secret(), ids.new_callback_secret()

    assert is_from_grip(old, headers(old, at_s=now_s), BODY)
    assert is_from_grip(old, headers(new, old, at_s=now_s), BODY)
    assert is_from_grip(new, headers(new, old, at_s=now_s), BODY)


def test_the_program_of_the_page_refuses_the_rest(is_from_grip: Callable[..., bool]):
    """Another secret, another body or id, and what is old or from the future."""
    now_s = system_clock() // 1_000_000
    secret = ids.new_callback_secret()
    signed = headers(secret, at_s=now_s)

    assert not is_from_grip(ids.new_callback_secret(), signed, BODY)
    assert not is_from_grip(secret, signed, BODY + b" ")
    assert not is_from_grip(secret, signed | {"webhook-id": "cb_2"}, BODY)
    assert not is_from_grip(secret, signed | {"webhook-timestamp": "soon"}, BODY)
    assert not is_from_grip(secret, signed | {"webhook-signature": "v1"}, BODY)
    for away_s in (-400, 400):
        assert not is_from_grip(secret, headers(secret, at_s=now_s + away_s), BODY)


def test_the_numbers_of_the_page_are_those_of_the_program():
    """Schedule, limits and defaults."""
    chosen = settings.load(environ={}).callbacks
    flowing = " ".join(PAGE.split())

    assert SCHEDULE_S == (0, 5, 300, 1800, 7200, 18_000, 36_000, 36_000)
    assert "after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, each a fifth" in flowing
    assert chosen.max_attempts == len(SCHEDULE_S) == 8
    assert "has failed eight times" in flowing
    assert chosen.timeout_s == 15
    assert "none within 15 s" in flowing
    assert (READ_BYTES, HEAD_BYTES_MAX) == (4096, 16_384)
    assert "grip reads 4 kB at most" in flowing
    assert "headers above 16 kB" in flowing
    assert (URL_CHARACTERS_MAX, OVERLAP_S) == (2048, 86_400)
    assert chosen.ports == (443,)


def test_every_command_of_the_page_is_there():
    """By name, with its options."""
    used = set(re.findall(r"^\$ grip callbacks (\w+)", PAGE, re.MULTILINE))
    known = {
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    }

    assert used == known
