"""Where the configuration is looked for, and what a wrong file is answered with."""

import dataclasses
from pathlib import Path

import pytest

from grip import settings
from grip.errors import ConfigurationInvalid
from grip.settings import file as settings_file


@pytest.fixture
def system_file(tmp_path, monkeypatch):
    """Work in an empty folder, with a system-wide file that does not exist yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    path = tmp_path / "etc" / "grip.toml"
    monkeypatch.setattr(settings_file, "SYSTEM_PATH", path)
    return path


def load_text(tmp_path: Path, text: str) -> settings.Settings:
    """Load a file of that text, without variables."""
    path = tmp_path / "given.toml"
    path.write_text(text, encoding="utf-8")
    return settings.load(path, {})


def refusal(tmp_path: Path, text: str) -> str:
    """Return the one line that a file of that text is refused with."""
    with pytest.raises(ConfigurationInvalid) as refused:
        load_text(tmp_path, text)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_defaults_serve_where_there_is_no_file(system_file):
    """With neither a file nor a variable, every key has the default of the documentation."""
    loaded = settings.load(None, {})

    assert loaded == settings.Settings()
    assert (loaded.server.host, loaded.server.port, loaded.server.workers) == ("127.0.0.1", 8000, 1)
    assert loaded.server.trusted_proxies == ()
    assert loaded.server.max_body_bytes == 10 * 1024 * 1024
    assert loaded.database.url == "sqlite:///grip.db"
    assert loaded.credits.signup == 1000
    assert loaded.content.logging is True
    assert loaded.retention.detail_days == 30
    assert loaded.routing.attempts == 3
    assert dataclasses.astuple(loaded.upstream) == (10, 300, 60, 600)
    assert (loaded.log.level, loaded.log.format) == ("info", "auto")
    assert dict(loaded.regions) == {}
    assert dict(loaded.payments) == {}


def test_the_five_tiers_are_there_by_default():
    """Free, plus, pro, max and enterprise have the limits of the published table."""
    tiers = settings.Settings().tiers
    limits = {name: (tier.qps, tier.tpm, tier.members) for name, tier in tiers.items()}

    assert limits == {
        "free": (3, 1_000_000, 1),
        "plus": (10, 10_000_000, 2),
        "pro": (30, 50_000_000, 5),
        "max": (100, None, 8),
        "enterprise": (None, None, None),
    }
    assert {name: str(tier.recharge_over) for name, tier in tiers.items()} == {
        "free": "None",
        "plus": "100 CNY",
        "pro": "2000 CNY",
        "max": "5000 CNY",
        "enterprise": "None",
    }
    assert [name for name, tier in tiers.items() if tier.invitation_only] == ["enterprise"]
    assert all(tier.groups is None for tier in tiers.values())


def test_files_are_looked_for_in_the_documented_order(system_file, tmp_path):
    """--config wins over $GRIP_CONFIG, that over ./grip.toml, that over /etc/grip/grip.toml."""
    given, named = tmp_path / "given.toml", tmp_path / "named.toml"
    system_file.parent.mkdir()
    local = Path("grip.toml")
    for place in (given, named, local, system_file):
        place.touch()
    environ = {"GRIP_CONFIG": str(named)}

    assert settings.locate(given, environ) == given
    assert settings.locate(None, environ) == named
    assert settings.locate(None, {}) == local
    local.unlink()
    assert settings.locate(None, {"GRIP_CONFIG": ""}) == system_file
    system_file.unlink()
    assert settings.locate(None, {}) is None


def test_the_file_that_is_found_is_read(system_file):
    """A grip.toml in the working directory configures grip untold."""
    Path("grip.toml").write_text("[server]\nport = 9001\n", encoding="utf-8")

    assert settings.load(None, {}).server.port == 9001


@pytest.mark.parametrize(
    ("path", "environ", "origin"),
    [
        (Path("/nowhere/a.toml"), {}, "--config"),
        (None, {"GRIP_CONFIG": "/nowhere/a.toml"}, "$GRIP_CONFIG"),
    ],
)
def test_a_named_file_must_exist(path, environ, origin):
    """A file that somebody named is never skipped silently."""
    with pytest.raises(ConfigurationInvalid) as refused:
        settings.load(path, environ)

    expected = f"/nowhere/a.toml: the file that {origin} names does not exist"
    assert str(refused.value) == expected


def test_a_folder_is_not_a_configuration(tmp_path):
    """What cannot be read is refused with the system's reason, not skipped."""
    with pytest.raises(ConfigurationInvalid, match=r": cannot be read: Is a directory$"):
        settings.load(tmp_path, {})


def test_a_path_the_system_refuses_is_not_taken_for_missing():
    """An error other than absence stops the start."""
    with pytest.raises(ConfigurationInvalid, match="cannot be read: File name too long"):
        settings.load(Path("a" * 5000), {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\nprot = 1\n", "server.prot: unknown key; did you mean server.port?"),
        ("[sever]\nport = 1\n", "sever: unknown key; did you mean server?"),
        ("port = 1\n", "port: unknown key; did you mean server.port?"),
        ("[tiers.plus]\nqsp = 1\n", "tiers.plus.qsp: unknown key; did you mean tiers.plus.qps?"),
        ("[server]\nzzz = 1\n", "server.zzz: unknown key"),
        ('[server]\n"a\\nb" = 1\n', 'server."a\\nb": unknown key'),
        ("server = 3\n", "server: must be a table, not a whole number"),
        ("[[server]]\nport = 1\n", "server: must be a table, not a list"),
        ("[tiers]\nplus = 3\n", "tiers.plus: must be a table, not a whole number"),
        ('[tiers."a b"]\n', 'tiers."a b": a name is letters, digits, - and _ only, at most 64'),
        ("[tiers.Plus]\n", "tiers.Plus: differs from tiers.plus only in case or dashes"),
        ("[regions.here]\n", "regions.here.endpoint: is missing; regions.here needs it"),
        ("[payments.stripe]\nUpper = 'x'\n", "payments.stripe.Upper: unknown key"),
    ],
)
def test_a_wrong_key_is_named_in_one_line(tmp_path, text, expected):
    """An unknown key, section or name is said in dotted form, with the likely right one."""
    assert refusal(tmp_path, text).startswith(expected)


def test_an_error_carries_the_key_for_programs(tmp_path):
    """`param` is the dotted key, and the code is stable."""
    with pytest.raises(ConfigurationInvalid) as refused:
        load_text(tmp_path, "[server]\nport = true\n")

    assert refused.value.param == "server.port"
    assert refused.value.code == "invalid_configuration"


@pytest.mark.parametrize(
    ("text", "line"), [("[server]\nport = \n", 2), ("[server", 1), ("a = 1\n\nb = '''x\n", 3)]
)
def test_a_syntax_error_names_file_and_line(tmp_path, text, line):
    """What is not TOML is refused with the place where it stops being TOML."""
    message = refusal(tmp_path, text)

    assert message.startswith(f"{tmp_path / 'given.toml'}:{line}: is not valid TOML: ")
    assert "(at" not in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[server]\nhost = '\xff'\n", ":2: is not UTF-8 text"),
        (b"a = " + b"[" * 100_000, ": is nested too deeply"),
        (b"a = " + b"9" * 5000, ": is not valid TOML: Exceeds the limit"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line(tmp_path, content, expected):
    """Bytes that are no text, endless nesting and endless numbers are errors like any other."""
    path = tmp_path / "given.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationInvalid) as refused:
        settings.load(path, {})

    assert str(refused.value).startswith(f"{path}{expected}")


def test_a_byte_order_mark_is_no_error(tmp_path):
    """A file saved by an editor of Windows loads."""
    assert load_text(tmp_path, "\ufeff[server]\r\nport = 1\r\n").server.port == 1


def test_a_tier_table_changes_only_the_keys_it_names(tmp_path):
    """A default tier keeps what the file does not say."""
    plus = load_text(tmp_path, "[tiers.plus]\nqps = 11\n").tiers["plus"]

    assert plus == dataclasses.replace(settings.DEFAULT_TIERS["plus"], qps=11)


def test_a_new_name_adds_a_tier_without_limits(tmp_path):
    """Limits that a new tier does not set are absent, and the defaults stay beside it."""
    tiers = load_text(tmp_path, '[tiers.team]\nqps = 5\ngroups = ["fast", "b"]\n').tiers

    assert tiers["team"] == settings.Tier(qps=5, groups=("fast", "b"))
    assert list(tiers) == ["free", "plus", "pro", "max", "enterprise", "team"]


def test_a_default_limit_is_removed_by_a_word(tmp_path):
    """The word "unlimited" removes a limit of a default tier, and "none" its threshold."""
    text = '[tiers.plus]\nqps = "unlimited"\nrecharge_over = "none"\n'
    plus = load_text(tmp_path, text).tiers["plus"]

    assert (plus.qps, plus.tpm, plus.recharge_over) == (None, 10_000_000, None)


def test_settings_cannot_be_changed():
    """What was loaded stays as it was checked."""
    loaded = settings.Settings()

    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.server.port = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        loaded.tiers["new"] = settings.Tier()  # type: ignore[index]
