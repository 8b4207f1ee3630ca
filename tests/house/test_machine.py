"""Tests neither read nor write what is in use on the machine that they run on."""

import asyncio
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from grip import settings
from grip.settings import file as settings_file
from tests import machine
from tests.apart.sitecustomize import NOWHERE

ROOT = str(Path(settings.__file__).parents[2])
LOOK = [sys.executable, "-c", "from grip.settings import file; print(file.SYSTEM_PATH)"]


def test_the_file_of_the_machine_is_out_of_reach():
    """In this process."""
    assert settings_file.SYSTEM_PATH == NOWHERE
    assert not NOWHERE.exists()


@pytest.mark.parametrize("environ", [None, {}, {"PYTHONPATH": ROOT}])
def test_it_is_for_processes_too(environ: dict[str, str] | None):
    """Whatever variables a test starts them with."""
    said = subprocess.run(LOOK, env=environ, cwd=ROOT, capture_output=True, text=True, check=True)

    assert said.stdout == f"{NOWHERE}\n"


@pytest.mark.parametrize("is_shell", [False, True])
async def test_it_is_for_processes_that_a_loop_starts(*, is_shell: bool):
    """The one that grip runs on has a way of its own to start them."""
    pipe = asyncio.subprocess.PIPE
    if is_shell:
        line = shlex.join(LOOK)
        process = await asyncio.create_subprocess_shell(line, env={}, cwd=ROOT, stdout=pipe)
    else:
        process = await asyncio.create_subprocess_exec(*LOOK, env={}, cwd=ROOT, stdout=pipe)
    said, _ = await process.communicate()

    assert said.decode() == f"{NOWHERE}\n"


def test_variables_of_the_machine_are_forgotten():
    """All but those for the tests themselves; they are gone before the first test."""
    environ = {"GRIP_CONFIG": "x", "GRIP_DATABASE_URL": "x", "GRIP_TEST_POSTGRES_URL": "x", "A": ""}
    machine.forget(environ)
    left = [name for name in os.environ if name.startswith("GRIP_")]  # noqa: TID251 - all of them

    assert list(environ) == ["GRIP_TEST_POSTGRES_URL", "A"]
    assert [name for name in left if not name.startswith("GRIP_TEST_")] == []
