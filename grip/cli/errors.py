"""How a command ends: its exit status, and one line on standard error where it failed.

Owns the table from category to exit status. Refuses to print a traceback, but for a defect while
`[log] level` is debug.
"""

import contextlib
import itertools
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from grip import settings
from grip.errors import Category, ConfigurationInvalid, GripError

DONE = 0
FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

EXIT_STATUS = dict.fromkeys(Category, FAILED) | {Category.INVALID: WRONG_USAGE}
"""What a program learns of a failure's category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What must be known of a command line even where it cannot be parsed."""

    as_json: bool
    config: Path | None

    @classmethod
    def of(cls, words: Sequence[str]) -> "Invocation":
        """Return the invocation that consists of these words."""
        named = [word.removeprefix("--config=") for word in words if word.startswith("--config=")]
        named += [after for word, after in itertools.pairwise(words) if word == "--config"]
        return cls(as_json="--json" in words, config=Path(named[0]) if named else None)

    def tell(self, code: str, message: str) -> None:
        """Write the failure to standard error, in one line."""
        sentence = " ".join(message.split())
        if self.as_json:
            line = json.dumps({"error": {"code": code, "message": sentence}})
        else:
            line = f"error: {code}: {sentence}"
        print(line, file=sys.stderr)  # noqa: T201 - the one place where failures are told

    def is_debugging(self) -> bool:
        """Whether the configuration asks for everything that is known of a defect."""
        try:
            return settings.load(self.config).log.level == "debug"
        except GripError:
            return False


def guarded(words: Sequence[str], command: Callable[[], object]) -> int:
    """Run `command`, which the words called; tell what failed, and return the exit status."""
    try:
        answer = command()
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost edge: nothing is left to raise to
        return _failed(Invocation.of(words), error)
    # Typer answers with the status of a `typer.Exit`, and with None otherwise.
    return answer if isinstance(answer, int) else DONE


def status_of(error: GripError) -> int:
    """Return the exit status that tells `error`."""
    # What is wrong with the configuration is no fault of the command line.
    if isinstance(error, ConfigurationInvalid):
        return FAILED
    return EXIT_STATUS[error.category]


def _failed(invocation: Invocation, error: Exception) -> int:
    match error:
        case GripError():
            invocation.tell(error.code, str(error))
            return status_of(error)
        case typer.TyperException():
            invocation.tell("usage", _usage(error))
            return WRONG_USAGE
        case typer.Abort():
            invocation.tell("aborted", "there was nothing to read an answer from")
        case _:
            if invocation.is_debugging():
                traceback.print_exception(error)
            invocation.tell("internal_error", f"this is a defect of grip: {_named(error)}")
    return FAILED


def _usage(error: typer.TyperException) -> str:
    place = getattr(error, "ctx", None)
    hint = f" (see: {place.command_path} --help)" if place is not None else ""
    return error.format_message() + hint


def _named(error: Exception) -> str:
    # The first line alone: what a driver says further on are statements and their values.
    return " ".join([f"{type(error).__name__}:", *str(error).splitlines()[:1]])


def _forget_stdout() -> None:
    # Python flushes standard output once more on its way out, which would fail aloud.
    with contextlib.suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
