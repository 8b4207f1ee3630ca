"""Each of the 45 reports of the survey of other gateways is named by a test: in its own docstring.

Refuses to know what a report says; that is for the test that names it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_TESTS = Path(__file__).parents[1]
COUNT = 45

_NAMED = re.compile(r"\bReports? (\d+(?:(?:, and |, | and )\d+)*)")
_NUMBER = re.compile(r"\d+")
_ASIDE = re.compile(r" \([^)]*\)")


def named(docstring: str) -> set[int]:
    """Return the reports that a docstring names, as `Report 1 (whose)` or `Reports 2, 3 and 4`."""
    flat = " ".join(docstring.split())
    return {
        int(number)
        for found in _NAMED.findall(_ASIDE.sub("", flat))
        for number in _NUMBER.findall(found)
        if int(number) <= COUNT
    }


def docstrings_of(*folders: str) -> Iterator[tuple[str, str]]:
    """Yield name and docstring of every function of the files of tests in these folders."""
    for path in (path for folder in folders for path in (_TESTS / folder).rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, ast.get_docstring(node) or ""


def test_names_are_read_as_they_are_written():
    """One, several, and with whose report it was."""
    assert named("Report 15 (ddcat#492): it goes on.") == {15}
    assert named("Reports 2 (new-api#2050), 13, 14 and 16: exact.") == {2, 13, 14, 16}
    assert named("Report 1 (new-api#6074) and 9 (elizaOS#11942): of many.") == {1, 9}
    assert named("Report 250 requests; a report 3; two of 4.") == set()


def test_every_report_is_named_by_a_test():
    """A test that goes takes its name along, and this one tells."""
    told = [docstring for name, docstring in docstrings_of(".") if name.startswith("test_")]
    found = {report for docstring in told for report in named(docstring)}

    assert set(range(1, COUNT + 1)) <= found
