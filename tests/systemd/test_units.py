"""The units of systemd: right, hardened, and about the program that there is."""

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from grip import settings
from grip.cli.main import COMMANDS

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
COMMAND = "/usr/local/bin/grip"
EXPOSURE_MAX = 2.0

analysed = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there"
)


def _read(path: Path) -> RawConfigParser:
    """Return a unit, of a key that is there twice the last value."""
    unit = RawConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text(encoding="utf-8"))
    return unit


@analysed
def test_systemd_has_nothing_to_say_of_the_units(tmp_path: Path):
    """Not one line, with a command in the place where they expect it."""
    for unit in UNITS.iterdir():
        text = unit.read_text(encoding="utf-8").replace(COMMAND, "/bin/true")
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name) for unit in UNITS.iterdir() if unit.suffix != ".conf"]
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@analysed
@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.stem)
def test_a_service_is_exposed_to_little(service: Path):
    """By systemd's own measure, 0 to 10; what is left is the network."""
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(service)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (level,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said)

    assert float(level) <= EXPOSURE_MAX


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.stem)
def test_a_service_starts_a_command_that_there_is(service: Path):
    """With the configuration that all of them share, as the same user, with the same secrets."""
    unit = _read(service)["Service"]
    program, command, *rest = unit["ExecStart"].split()

    assert (program, rest) == (COMMAND, ["--config", "/etc/grip/grip.toml"])
    assert command in COMMANDS
    assert (unit["User"], unit["StateDirectory"]) == ("grip", "grip")
    assert unit["LoadCredential"] == "grip:/etc/grip/credentials"


def test_what_serves_is_watched_and_stopped_once():
    """A stop by SIGTERM is the first process's to pass on: a second one would cut calls short."""
    for name in ("grip", "grip-worker"):
        unit = _read(UNITS / f"{name}.service")["Service"]

        assert (unit["Type"], unit["KillMode"]) == ("notify", "mixed")
        assert int(unit["WatchdogSec"]) >= 60


def test_the_socket_is_where_grip_listens_by_default():
    """Who changes nothing finds it in both places."""
    server = settings.load(environ={}).server
    socket, service = _read(UNITS / "grip.socket"), _read(UNITS / "grip.service")

    assert socket["Socket"]["ListenStream"] == f"{server.host}:{server.port}"
    assert service["Unit"]["Requires"] == service["Install"]["Also"] == "grip.socket"


def test_the_timer_starts_what_is_due():
    """It makes up for nights that the machine slept."""
    timer = _read(UNITS / "grip-maintenance.timer")["Timer"]

    assert timer["Persistent"] == "yes"
    assert (UNITS / "grip-maintenance.service").exists()
