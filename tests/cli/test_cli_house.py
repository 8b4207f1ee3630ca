"""`init`, `config`, `db`, `audit` and the command itself."""

import sqlite3
import tomllib
from pathlib import Path

import pytest

import grip as package
from grip.cli.options import os_user
from grip.settings import render_example


def test_the_command_alone_shows_its_help(grip_alone):
    """So does --help, and -h after any noun."""
    alone = grip_alone()

    assert alone.status == 0
    assert "channels" in alone.stdout
    assert grip_alone("--help").stdout.strip() == alone.stdout.strip()
    assert "newest first" in grip_alone("audit", "-h").stdout
    assert grip_alone("--version").stdout == f"grip {package.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["channels", "add"],
        ["channels", "set"],
        ["models", "add"],
        ["models", "remove"],
        ["billing", "set"],
        ["db", "upgrade"],
        ["tasks", "cancel"],
        ["init"],
    ],
)
def test_every_change_takes_an_actor_and_every_command_a_config_and_json(
    grip_alone, words: list[str]
):
    """The options that all commands share are in every help."""
    shown = grip_alone(*words, "--help").stdout

    assert "--actor" in shown
    assert "--config" in shown
    assert "--json" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("serve", "else [server] host."),
        ("keys create", "else as [content] logging says."),
        ("models simulate", 'in TOML: [models."NAME"] with input'),
        ("wallet members add", "[OPTIONS]"),
    ],
)
def test_help_keeps_what_stands_in_brackets(
    grip_alone, monkeypatch: pytest.MonkeyPatch, words: str, told: str
):
    """Keys of the configuration are named with their table."""
    monkeypatch.setenv("COLUMNS", "200")
    shown = grip_alone(*words.split(), "--help").stdout

    assert told in shown
    assert "\\[" not in shown


def test_init_writes_the_commented_example(grip_alone, anywhere: Path):
    """What it wrote is a right configuration."""
    answer = grip_alone("init")

    assert answer.status == 0
    assert (anywhere / "grip.toml").read_text(encoding="utf-8") == render_example()
    assert grip_alone("config", "check", "--json").json == {
        "ok": True,
        "path": "grip.toml",
        "risks": [],
    }


def test_init_never_overwrites(grip_alone, anywhere: Path):
    """An existing file is refused and left alone, with --config too."""
    (anywhere / "mine.toml").write_text("# mine", encoding="utf-8")
    answer = grip_alone("init", "--config", "mine.toml", "--json")

    assert (answer.status, answer.error["code"]) == (1, "conflict")
    assert (anywhere / "mine.toml").read_text(encoding="utf-8") == "# mine"
    assert grip_alone("init", "--config", "missing/grip.toml").status == 1
    assert grip_alone("init", "--json").json == {"path": str(anywhere / "grip.toml")}


def test_config_show_has_every_key_and_masks_passwords(grip_alone, monkeypatch: pytest.MonkeyPatch):
    """People see dotted keys, programs the sections."""
    monkeypatch.setenv("GRIP_DATABASE_URL", "postgresql://me:hidden@host/name")
    plain = grip_alone("config", "show").stdout
    as_json = grip_alone("config", "show", "--json").json

    assert "tiers.free.qps" in plain
    assert "hidden" not in plain
    assert as_json["server"]["port"] == 8000
    assert as_json["database"]["url"] == "postgresql://me:***@host/name"


def test_config_check_names_the_wrong_key(grip_alone, anywhere: Path):
    """A wrong configuration stops every command with one line."""
    (anywhere / "grip.toml").write_text("[server]\nprot = 1\n", encoding="utf-8")
    checked = grip_alone("config", "check")
    stopped = grip_alone("channels", "list", "--json")

    assert checked.status == 1
    assert checked.stderr.startswith("error: invalid_configuration: server.prot: unknown key")
    assert stopped.error["code"] == "invalid_configuration"
    assert grip_alone("config", "check", "--config", "gone.toml").status == 1


def test_the_environment_and_the_file_of_config_hold(
    grip_alone, anywhere: Path, monkeypatch: pytest.MonkeyPatch
):
    """--config names the database that a command works on."""
    path = anywhere / "other.toml"
    path.write_text('[database]\nurl = "sqlite:///other.db"\n', encoding="utf-8")
    grip_alone("channels", "add", "one", "--kind", "sandbox", "--config", str(path))

    assert (anywhere / "other.db").exists()
    assert tomllib.loads(path.read_text(encoding="utf-8"))
    assert len(grip_alone("channels", "list", f"--config={path}", "--json").json) == 1
    assert grip_alone("channels", "list", "--json").json == []


def test_db_status_and_upgrade_of_an_empty_database(grip_alone):
    """An empty one is behind: exit 1. The upgrade leaves an audit row, and once only."""
    empty = grip_alone("db", "status", "--json")
    upgraded = grip_alone("db", "upgrade", "--actor", "eve", "--json").json
    again = grip_alone("db", "upgrade").stdout
    rows = grip_alone("audit", "list", "--json").json

    assert empty.status == 1
    assert '"current":null' in empty.stdout
    assert upgraded["before"] is None
    assert upgraded["current"] == upgraded["head"]
    assert again == f"The database is at {upgraded['head']} already.\n"
    assert grip_alone("db", "status", "--json").json["is_current"] is True
    assert [(row["actor"], row["action"]) for row in rows] == [("eve", "db.upgrade")]


def test_db_status_reads_as_a_sentence(grip_alone):
    """Before and after."""
    assert grip_alone("db", "status").stdout.startswith("The database is empty; ")
    assert grip_alone("db", "upgrade").stdout.endswith("it was empty.\n")
    assert grip_alone("db", "status").stdout.endswith("as this version needs it.\n")


def test_audit_lists_who_changed_what_newest_first(grip):
    """Rows of one subject, and the newest of them."""
    added = grip(
        "channels", "add", "one", "--kind", "sandbox", "--actor", "eve", "--reason", "new", "--json"
    ).json
    grip("channels", "set", "one", "--weight", "2")
    grip("models", "add", "gpt", "--type", "chat")
    rows = grip("audit", "list", "--subject", added["id"], "--json").json

    assert list(rows[0]) == ["at", "actor", "action", "subject", "before", "after", "reason"]
    assert [row["action"] for row in rows] == ["channel.set", "channel.add"]
    assert (rows[0]["before"], rows[0]["after"]) == ({"weight": 1}, {"weight": 2})
    assert (rows[0]["actor"], rows[0]["reason"]) == (os_user(), "")
    assert (rows[1]["actor"], rows[1]["reason"]) == ("eve", "new")
    assert rows[1]["at"].endswith("Z")
    assert [row["action"] for row in grip("audit", "list", "--limit", "1", "--json").json] == [
        "model.add"
    ]
    assert "weight=2" in grip("audit", "list").stdout


def test_audit_says_that_nothing_happened(grip):
    """An empty list is a line."""
    assert grip("audit", "list").stdout == "Nobody has changed anything yet.\n"


def test_a_database_of_another_version_is_told_with_the_remedy(grip_alone, anywhere: Path):
    """Status says so and exits 1; every other command is refused."""
    grip_alone("db", "upgrade")
    with sqlite3.connect(anywhere / "grip.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    status = grip_alone("db", "status")
    refused = grip_alone("channels", "list", "--json")

    assert status.status == 1
    assert status.stdout.startswith("The database is at 0000, this version needs ")
    assert refused.error["code"] == "database_outdated"
    assert "grip db upgrade" in refused.error["message"]


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch):
    """Containers run as users that /etc/passwd does not have."""
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)

    assert os_user() == "uid:4000000"


@pytest.mark.parametrize("actor", ["", "  "])
def test_an_empty_actor_is_the_user_of_the_system(grip_alone, actor: str):
    """Nothing is ever done by nobody."""
    grip_alone("models", "add", "gpt", "--type", "chat", "--actor", actor)

    assert grip_alone("audit", "list", "--json").json[0]["actor"] == os_user()
