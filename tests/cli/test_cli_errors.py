import pytest
import typer

from grip import errors
from grip.cli import audit as audit_commands
from grip.cli.errors import EXIT_STATUS, guarded, status_of


def _fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def failing(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(audit_commands, "run", failing)


def test_every_category_has_an_exit_status():
    """No failure is left without a status of its own."""
    assert set(EXIT_STATUS) == set(errors.Category)
    assert {*EXIT_STATUS.values()} == {1, 2}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidRequest("x"), 2),
        (errors.ConfigurationInvalid("x"), 1),
        (errors.InsufficientCredits("x"), 1),
        (errors.NotFound("x"), 1),
        (errors.Conflict("x"), 1),
        (errors.DatabaseUnavailable("x"), 1),
        (errors.BooksBroken("x"), 1),
    ],
)
def test_wrong_usage_is_2_and_whatever_else_failed_is_1(error: errors.GripError, status: int):
    """A wrong configuration is no wrong use of the command."""
    assert status_of(error) == status


def test_a_failure_is_one_line_on_standard_error(grip_alone, monkeypatch: pytest.MonkeyPatch):
    """Line breaks in a message do not make it two."""
    _fail_with(monkeypatch, errors.Conflict("no way,\n  not now"))
    answer = grip_alone("audit", "list")

    assert answer.stdout == ""
    assert answer.stderr == "error: conflict: no way, not now\n"
    assert answer.status == 1


def test_with_json_a_failure_is_an_object_on_standard_error(
    grip_alone, monkeypatch: pytest.MonkeyPatch
):
    """Programs read the code, and nothing from standard output."""
    _fail_with(monkeypatch, errors.Conflict("no way"))
    answer = grip_alone("audit", "list", "--json")

    assert answer.error == {"code": "conflict", "message": "no way"}
    assert answer.status == 1


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["audit"],
        ["audit", "lst"],
        ["audit", "list", "--nothing"],
        ["audit", "list", "--limit", "many"],
        ["audit", "list", "--limit", "-1"],
        ["audit", "list", "extra"],
        ["channels", "add"],
        ["channels", "add", "a"],
        ["channels", "add", "a", "--kind"],
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(grip_alone, words: list[str]):
    """What Typer refuses looks like any other failure, in both forms."""
    plain = grip_alone(*words)
    as_json = grip_alone(*words, "--json") if words[-1] != "--kind" else None

    assert plain.status == 2
    assert plain.stdout == ""
    assert plain.stderr.startswith("error: usage: ")
    assert plain.stderr.count("\n") == 1
    assert as_json is None or as_json.error["code"] == "usage"


def test_wrong_usage_says_where_help_is(grip_alone):
    """The line names the command whose help explains it."""
    answer = grip_alone("audit", "list", "--nothing")

    assert "(see: grip audit list --help)" in answer.stderr


def test_a_defect_is_told_without_its_traceback(grip_alone, monkeypatch: pytest.MonkeyPatch):
    """A person gets one line, the first of what went wrong."""
    _fail_with(monkeypatch, ZeroDivisionError("by zero\nSELECT secret"))
    answer = grip_alone("audit", "list")

    assert answer.status == 1
    assert answer.stderr == (
        "error: internal_error: this is a defect of grip: ZeroDivisionError: by zero\n"
    )


def test_a_defect_shows_its_traceback_while_debugging(grip_alone, monkeypatch: pytest.MonkeyPatch):
    """`[log] level = "debug"` asks for it; the line still ends the output."""
    monkeypatch.setenv("GRIP_LOG_LEVEL", "debug")
    _fail_with(monkeypatch, ZeroDivisionError("by zero"))
    answer = grip_alone("audit", "list")

    assert "Traceback" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("error: internal_error: ")


def test_a_defect_with_a_wrong_configuration_has_no_traceback(
    grip_alone, monkeypatch: pytest.MonkeyPatch
):
    """A configuration that cannot be read asks for nothing."""
    _fail_with(monkeypatch, ZeroDivisionError("by zero"))
    for words in (["--config", "gone.toml"], ["--config=gone.toml"]):
        answer = grip_alone("audit", "list", *words)

        assert answer.stderr.count("\n") == 1


def test_an_interrupt_ends_quietly_with_130(grip_alone, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C is no failure to explain."""
    _fail_with(monkeypatch, KeyboardInterrupt())
    answer = grip_alone("audit", "list")

    assert (answer.status, answer.stdout, answer.stderr) == (130, "", "")


def test_a_database_that_cannot_be_opened_is_told(grip_alone, monkeypatch: pytest.MonkeyPatch):
    """What the driver says becomes one line with a code."""
    monkeypatch.setenv("GRIP_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    answer = grip_alone("audit", "list")

    assert answer.status == 1
    assert answer.stderr.startswith("error: service_unavailable: ")
    assert answer.stderr.count("\n") == 1


def _raising(error: BaseException):
    def command() -> None:
        raise error

    return command


def test_an_interrupt_outside_of_a_command_is_130_too(capsys: pytest.CaptureFixture[str]):
    """While a noun is imported, for one."""
    assert guarded(["audit"], _raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


def test_a_question_that_nobody_can_answer_is_told(capsys: pytest.CaptureFixture[str]):
    """Typer aborts where standard input has ended."""
    assert guarded(["audit"], _raising(typer.Abort())) == 1
    assert capsys.readouterr().err.startswith("error: aborted: ")


def test_a_status_of_the_command_itself_is_kept(capsys: pytest.CaptureFixture[str]):
    """An answer of no exits 1 without an error; no status is done."""
    assert guarded(["audit"], lambda: 1) == 1
    assert guarded(["audit"], lambda: None) == 0
    assert capsys.readouterr().err == ""
