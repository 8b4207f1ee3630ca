"""What `grip drill` prints of a loss, and how it exits."""

import json

import pytest
from typer.testing import CliRunner

from grip.cli.drill import app
from grip.drill import kinds, report, run
from grip.drill.report import Verdict
from tests.drill.conftest import Doctor, charge


@pytest.fixture
def lossy(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """A drill that lost one answer, and left its files."""
    found = report.verdict("sqlite", [kinds.QUEUED], doctor(charges=(charge(3), charge(5))))
    verdict = Verdict(
        engine="postgres",
        tried=found.tried,
        checks=found.checks,
        scratch="/somewhere/grip-drill-1",
        database="grip_drill_1",
    )

    async def drill(*_: object, **__: object) -> Verdict:
        return verdict

    monkeypatch.setattr(run, "drill", drill)
    return verdict


def test_a_loss_is_told_with_its_check_and_exits_with_1(lossy: Verdict):
    """The row counts it, the check names the call, and the last lines say where to look."""
    told = CliRunner().invoke(app, ["--seed", "5"])

    assert told.exit_code == 1
    assert "postgres, 60 s, seed 5" in told.stdout
    assert f"{len(lossy.checks) - 1} of {len(lossy.checks)} checks and invariants hold." in (
        told.stdout
    )
    assert "  answers_charged: 1\n    req_1 (whole answers): its answer was seen in full and" in (
        told.stdout
    )
    assert "The files of this drill are in /somewhere/grip-drill-1\n" in told.stdout
    assert "Its database grip_drill_1 is left on the server.\n" in told.stdout


def test_a_loss_is_one_json_value_for_programs(lossy: Verdict):
    """With `ok` false, and the same exit status."""
    told = CliRunner().invoke(app, ["--seed", "5", "--json"])
    said = json.loads(told.stdout)

    assert (told.exit_code, said["ok"], said["seed"]) == (1, False, 5)
    assert said["engines"][0]["scratch"] == "/somewhere/grip-drill-1"
    assert [check["name"] for check in said["engines"][0]["checks"] if not check["ok"]] == [
        "answers_charged"
    ]


def test_a_drill_without_a_seed_draws_one_and_says_which(lossy: Verdict):
    """So that it can be run again."""
    first, second = (
        json.loads(CliRunner().invoke(app, ["--json"]).stdout)["seed"] for _ in range(2)
    )

    assert first != second
