"""The page on security: what it names is there. Its routes: tests/e2e/test_authorization.py."""

import re

from tests.security_page import PAGE, ROOT, rules

WHO = ("anyone", "operator", "key", "its customer", "vendor, ", "payment provider, ", "who has ")


def test_every_test_that_is_named_is_there():
    """And tests something."""
    named = set(re.findall(r"`(tests/[^`]+)`", PAGE))

    assert len(named) > 40
    for name in sorted(named):
        assert "\ndef test_" in (
            text := (ROOT / name).read_text("utf-8")
        ) or "\nasync def test_" in (text), name


def test_every_paragraph_of_protection_names_a_test():
    """What no test shows is no protection."""
    part = PAGE.partition("## What protects against what")[2].partition("\n## ")[0]
    paragraphs = [each for each in part.split("\n\n") if each.strip()]

    assert len(paragraphs) > 12
    for paragraph in paragraphs:
        assert paragraph.startswith("**")
        assert "`tests/" in paragraph, paragraph


def test_every_rule_is_one_of_those_that_the_page_explains():
    """A word more would be one that no test walks."""
    assert all(rule.startswith(WHO) for rule in rules().values())


def test_the_bounds_are_those_of_the_program():
    """What the page says of sizes is what the code has."""
    from grip.transport import port  # noqa: PLC0415
    from grip.web import calls, protocol  # noqa: PLC0415

    assert protocol.MAX_HEAD_BYTES == 64 * 1024
    assert (protocol.REQUEST_TIMEOUT_S, protocol.BODY_BYTES_PER_S) == (60, 64 * 1024)
    assert protocol.READ_TIMEOUT_S == 30
    assert calls.MAX_BODY_BYTES == 1024 * 1024
    assert (port.MAX_ANSWER_BYTES, port.MAX_ERROR_BYTES) == (64 * 1024**2, 1024**2)
