"""Callbacks cannot reach a task, and what receivers answer cannot reach a tenant.

Reports, by the numbers of the survey of other gateways: 34 (hyperdx#2593, the answer of an internal
host was shown to the tenant), 38 (a failing callback changed what it told of).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "grip"
APART = [
    "store/callbacks.py",
    "store/callback_secrets.py",
    "store/ended_callbacks.py",
    *(str(path.relative_to(PACKAGE)) for path in (PACKAGE / "tasks/callbacks").glob("*.py")),
]
TABLES = {"callback", "callback_attempt", "callback_secret"}


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("file", APART)
def test_what_delivers_knows_no_table_but_its_own(file: str):
    """Report 38: nor the books, nor what else there is to tasks."""
    found = set(imported(PACKAGE / file))

    assert {name for module, name in found if module == "grip.store.tables"} <= TABLES
    assert not [module for module, _ in found if module.startswith("grip.store.books")]
    assert not [
        module
        for module, name in found
        if module.startswith("grip.tasks") and "callbacks" not in f"{module}.{name}"
    ]


def test_no_statement_is_written_out():
    """A table cannot be reached by its name in a text either."""
    for file in APART:
        assert "sa.text(" not in (PACKAGE / file).read_text(encoding="utf-8")


def test_attempts_are_read_by_the_store_and_told_by_the_operators_commands_alone():
    """Report 34: no route can show what a receiver answered."""
    readers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for module, name in imported(path)
        if name == "callback_attempt"
        or (name == "Attempt" and module == "grip.store.callbacks")
        or f"{module}.{name}" == "grip.services.callbacks"
    }

    assert readers == {
        "cli/callbacks.py",
        "drill/media/reading.py",
        "services/callbacks.py",
        "store/callbacks.py",
        "store/ended_callbacks.py",
        "store/tables/__init__.py",
    }
    assert not [
        path
        for path in (PACKAGE / "web").rglob("*.py")
        for module, name in imported(path)
        if f"{module}.{name}".startswith("grip.store.callback")
    ]
