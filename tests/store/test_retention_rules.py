"""Every table says how long it keeps its rows."""

from pathlib import Path

from grip.store.retention import RULES
from grip.store.tables import APPEND_ONLY, metadata

PAGE = Path(__file__).parents[2] / "docs" / "retention.md"


def test_every_table_has_a_rule():
    """A new table fails here until somebody has thought about its years."""
    assert sorted(RULES) == sorted(metadata.tables)


def test_nobody_deletes_what_the_database_refuses_to_delete():
    """The rules of the append-only tables say so."""
    ruled = {name: RULES[name] for name in APPEND_ONLY}

    assert [name for name, rule in ruled.items() if rule.by] == []
    assert [name for name, rule in ruled.items() if not rule.until.startswith("for ever")] == []


def test_the_page_has_the_same_table():
    """Operators read docs/retention.md."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert rows == [
        f"| `{name}` | {rule.until} | {rule.by or 'nobody'} |" for name, rule in RULES.items()
    ]
