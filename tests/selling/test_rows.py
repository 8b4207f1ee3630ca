"""Each of the 22 cases in which payments went wrong elsewhere is named by a test: `Row N`.

Refuses to know what a case says; that is for the test that names it, in its own docstring.
"""

import re

from tests.docs.test_reports import docstrings_of

COUNT = 22
EXCEPTED = {21}
"""Two who redeem one code at once: grip has no codes to redeem, credits are bought or posted."""

_FOLDERS = ("selling", "payments", "e2e")
_NAMED = re.compile(r"\bRows? (\d+(?:(?:, and |, | and )\d+)*)")
_NUMBER = re.compile(r"\d+")
_ASIDE = re.compile(r" \([^)]*\)")


def named(docstring: str) -> set[int]:
    """Return the rows that a docstring names, as `Row 1 (whose)` or `Rows 2, 3 and 4`."""
    flat = _ASIDE.sub("", " ".join(docstring.split()))
    return {int(number) for found in _NAMED.findall(flat) for number in _NUMBER.findall(found)}


def test_names_are_read_as_they_are_written():
    """One, several, and with whose it was."""
    assert named("Row 19 (Lago#5947): a signal.") == {19}
    assert named("Rows 13 (eliza#10920) and 14: by id.") == {13, 14}
    assert named("Rowing 2; a row 3; two of 4.") == set()


def test_every_row_is_named_by_a_test():
    """A test that goes takes its name along, and this one tells."""
    told = [
        docstring
        for name, docstring in docstrings_of(*_FOLDERS)
        if name.startswith("test_") and not name.startswith("test_names_are_read")
    ]
    found = {row for docstring in told for row in named(docstring)}

    assert found == set(range(1, COUNT + 1)) - EXCEPTED
