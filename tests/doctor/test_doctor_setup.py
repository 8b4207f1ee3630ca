"""What `grip doctor` finds about configuration, secrets, disks and exposure."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grip import settings
from grip.clock import system_clock
from grip.ids import IdSource
from grip.services.context import Context
from grip.services.doctor import Finding, configuration, disk, exposure, secrets
from grip.services.doctor import examine as examine_all
from grip.services.doctor.database import is_missing
from grip.services.doctor.files import is_open_to_all
from grip.settings import load
from grip.store.engine import Database

With = Callable[..., Context]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - not bound here
PUBLIC = {"SERVER_PUBLIC_URL": "https://grip.example"}


@pytest.fixture
def with_(tmp_path: Path) -> With:
    """Return the surroundings with these variables; nothing is opened."""

    def make(**environ: str) -> Context:
        database = Database(f"sqlite:///{tmp_path}/grip.db")
        chosen = load(environ={f"GRIP_{name}": value for name, value in environ.items()})
        return Context(database=database, settings=chosen, clock=system_clock, ids=IdSource())

    return make


def _behind(proxies: str) -> dict[str, str]:
    return {"SERVER_TRUSTED_PROXIES": proxies}


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def _states(found: list[Finding]) -> list[str]:
    return [one.state for one in found]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, []),
        ({"SERVER_HOST": "::1"}, []),
        ({"SERVER_HOST": "localhost"}, []),
        ({"SERVER_HOST": EVERYWHERE}, ["error: API keys and content can be read"]),
        ({"SERVER_HOST": "grip.internal"}, ["error: API keys and content can be read"]),
        ({"SERVER_HOST": EVERYWHERE, **PUBLIC}, ["warning: all customers have one"]),
        (
            {"SERVER_HOST": EVERYWHERE, **_behind("10.0.0.1")},
            ["warning: behind a proxy that has not said"],
        ),
        ({"SERVER_HOST": "10.0.0.2", **PUBLIC, **_behind("10.0.0.1")}, []),
        (
            {"SERVER_HOST": EVERYWHERE, **PUBLIC, **_behind("127.0.0.1,::1")},
            ["warning: goes past the proxy"],
        ),
        ({"SERVER_HOST": EVERYWHERE, **PUBLIC, **_behind("127.0.0.1,10.0.0.1")}, []),
        ({**PUBLIC, **_behind("10.0.0.1,::/0")}, ["warning: Everybody is taken for"]),
        (PUBLIC, []),
        (_behind("127.0.0.1"), []),
    ],
)
async def test_what_listens_to_the_world_without_tls_is_told(
    with_: With, environ: dict[str, str], told: list[str]
):
    """A proxy in front of it is enough, where nobody goes past it, as far as grip knows of it."""
    found = await exposure.check(with_(**environ))
    risky = [one for one in found if one.state != "ok"]

    assert [one.state for one in risky] == [words.split(": ")[0] for words in told]
    for one, words in zip(risky, told, strict=True):
        assert words.split(": ")[1] in one.sentence
        assert one.remedy
    assert found


async def test_a_disk_without_room_is_told(with_: With):
    """Soon full is a warning; what is full turns calls away."""
    context = with_()
    left = {"grip.db": 2**40, "results": 2**30}
    found = await disk.check(context, lambda path: left.get(path.name, 2**20))
    roomy = await disk.check(context, lambda _: 2**40)

    assert [(one.state, one.sentence.split(" (")[0]) for one in found] == [
        ("error", "1 MiB are free for uploads"),
        ("warning", "1024 MiB are free for results"),
    ]
    assert _states(roomy) == ["ok"]


async def test_a_place_that_keeps_this_user_out_is_no_defect(
    with_: With, monkeypatch: pytest.MonkeyPatch
):
    """It is told, with who should look."""

    def shut(_: Path) -> int:
        raise PermissionError(13, "Permission denied")

    found = await disk.check(with_(), shut)
    monkeypatch.setattr(Path, "exists", shut)

    assert set(_states(found)) == {"warning"}
    assert "Permission denied" in found[0].sentence
    assert is_missing(with_()) is True


async def test_what_config_check_knows_is_an_error(with_: With, monkeypatch: pytest.MonkeyPatch):
    """With its remedy apart."""
    monkeypatch.setattr("grip.services.deployment.network_kind", lambda _: "nfs4")
    (found,) = await configuration.check(with_())

    assert (found.state, found.sentence[-4:]) == ("error", "eds.")
    assert found.remedy.startswith("Move it to a local disk")


async def test_payment_providers_that_cannot_be_used_are_named(with_: With):
    """By what is wrong with their tables; secrets are another check's."""
    found = await configuration.payments(
        with_(
            PAYMENTS_SANDBOX_KIND="sandbox",
            PAYMENTS_BANK_KIND="standard",
            PAYMENTS_BANK_CHECKOUT_URL="http://bank.example/pay",
            PAYMENTS_LOST_KIND="stripe",
            PAYMENTS_LOST_SECRET_KEY="env:GRIP_TEST_NOWHERE",
        )
    )

    assert {(one.state, one.sentence.split(":")[0]) for one in found} == {
        ("warning", "Nothing can be bought through sandbox"),
        ("error", "payments.bank.checkout_url"),
    }
    assert _states(await configuration.payments(with_())) == ["ok"]


async def test_secrets_that_lead_nowhere_are_told_without_a_value(
    with_: With, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Those that only the service has cannot be seen from here; open files are told."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("GRIP_TEST_THERE", "sk_hidden")
    path = tmp_path / "key"
    path.write_text("sk_hidden")
    monkeypatch.setattr(secrets, "is_open_to_all", lambda opened: opened == path)
    context = with_(
        PAYMENTS_A_SECRET_KEY="env:GRIP_TEST_THERE",
        PAYMENTS_B_SECRET_KEY="env:GRIP_TEST_NOWHERE",
        PAYMENTS_C_SECRET_KEY=f"file:{path}",
        PAYMENTS_D_SECRET_KEY="cred:stripe",
        RESULTS_S3_SECRET_KEY=f"file:{tmp_path}/gone",
        RESULTS_S3_ACCESS_KEY="env:GRIP_TEST_THERE",
    )
    found = await secrets.of_settings(context, None)

    assert sorted((one.state, one.sentence.split(":")[0]) for one in found) == [
        ("error", "payments.b.secret_key"),
        ("error", "results.s3_secret_key"),
        ("warning", "payments.c.secret_key"),
        ("warning", "payments.d.secret_key"),
    ]
    assert "hidden" not in str(found)
    assert _states(await secrets.of_settings(with_(), None)) == ["ok"]


async def test_a_file_with_a_password_that_strangers_can_read_is_told(
    with_: With, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One without a password may be read by anybody."""
    monkeypatch.setattr(secrets, "is_open_to_all", lambda _: True)
    config = tmp_path / "grip.toml"
    open_ = with_(DATABASE_URL="postgresql://me:hidden@host/name")
    plain = with_(DATABASE_URL="postgresql://me@host/name")

    assert _states(await secrets.of_settings(open_, config)) == ["warning"]
    assert _states(await secrets.of_settings(open_, None)) == ["ok"]
    assert _states(await secrets.of_settings(plain, config)) == ["ok"]


def test_every_reference_of_the_settings_is_known():
    """Those of named tables, of optional keys, and no key that only sounds like one."""
    chosen = load(
        environ={
            "GRIP_PAYMENTS_STRIPE_SECRET_KEY": "env:ONE",
            "GRIP_PAYMENTS_STRIPE_API_BASE": "https://stripe.example",
            "GRIP_RESULTS_S3_ACCESS_KEY": "cred:two",
        }
    )

    assert settings.secret_references(chosen) == {
        "results.s3_access_key": "cred:two",
        "payments.stripe.secret_key": "env:ONE",
    }
    assert settings.secret_references(replace(chosen, payments={}, results=load().results)) == {}


def test_a_file_is_open_where_all_folders_above_it_are(shared: Path):
    """A file that is not there is open to nobody."""
    path = shared / "key"
    path.write_text("x")
    path.chmod(0o644)
    shut = is_open_to_all(path)
    shared.chmod(0o755)
    opened = is_open_to_all(path)
    path.chmod(0o640)

    assert (shut, opened, is_open_to_all(path)) == (False, True, False)
    assert is_open_to_all(shared / "gone") is False


async def test_without_a_database_the_rest_is_looked_at(with_: With, tmp_path: Path):
    """Neither is one made by looking, nor begun in an empty file; one that is none is an error."""
    context = with_()
    missing = await examine_all(context)
    is_made = (tmp_path / "grip.db").exists()
    (tmp_path / "grip.db").touch()
    empty = await examine_all(context)
    left = _sizes(tmp_path)
    (tmp_path / "grip.db").write_text("this is no database, and never was one" * 100)
    broken = await examine_all(context)
    await context.database.close()

    assert (missing[-1].name, missing[-1].state, is_made) == ("database", "warning", False)
    assert (empty[-1].name, empty[-1].state, left) == ("database", "warning", {"grip.db": 0})
    assert empty[-1].sentence.endswith("grip.db is empty.")
    assert (broken[-1].name, broken[-1].state) == ("database", "error")
    assert [one.name for one in missing[:4]] == ["configuration", "payments", "exposure", "disk"]
