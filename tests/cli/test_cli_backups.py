"""`grip db backup` and `grip db restore`, as operators and scripts meet them."""

from pathlib import Path

from tests.cli.conftest import Grip


def test_a_backup_brings_back_what_there_was(grip: Grip, anywhere: Path):
    """Made while there is one customer, restored when there are two."""
    grip("accounts", "create", "--email", "ana@example.com")
    made = grip("db", "backup", "b.db", "--actor", "ana", "--json").json
    grip("accounts", "create", "--email", "eve@example.com")
    again = grip("db", "backup", "b.db", "--json")
    refused = grip("db", "restore", "b.db", "--json")
    done = grip("db", "restore", "b.db", "--replace", "--reason", "lost", "--json").json
    person = grip("db", "backup", "c.db").stdout

    assert made["file"] == str(anywhere / "b.db")
    assert made["bytes"] == (anywhere / "b.db").stat().st_size
    assert (again.status, again.error["code"]) == (1, "conflict")
    assert "--replace" in refused.error["message"]
    assert done["is_current"] is True
    assert "before" in done["aside"]
    assert [one["email"] for one in grip("accounts", "list", "--json").json] == ["ana@example.com"]
    (noted, *_) = [one for one in grip("audit", "list", "--json").json if one["reason"] == "lost"]
    assert noted["action"] == "db.restore"
    assert "all" in person
    assert "checks of the books hold" in person


def test_what_cannot_be_is_said_in_one_line(grip: Grip):
    """No file, a file that is no backup, and a database that is not there."""
    empty = grip("db", "backup", "b.db", "--json")
    Path("letter.txt").write_text("Dear Sir", encoding="utf-8")
    missing = grip("db", "restore", "nowhere.db", "--json")
    letter = grip("db", "restore", "letter.txt", "--json")

    assert empty.status == 0
    assert missing.error["code"] == "not_found"
    assert (letter.status, letter.error["code"]) == (1, "backup_unusable")


def test_without_a_database_there_is_nothing_to_keep(grip_alone: Grip, anywhere: Path):
    """And none is made by asking."""
    refused = grip_alone("db", "backup", "b.db", "--json")

    assert refused.status == 1
    assert "grip.db" in refused.error["message"]
    assert [one.name for one in anywhere.iterdir()] == []
