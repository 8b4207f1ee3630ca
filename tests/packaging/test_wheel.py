"""The package as it is installed: all that runs is in it, and nothing else; and the container."""

import json
import re
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import grip

ROOT = Path(__file__).parents[2]
CONTAINER = (ROOT / "Containerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built once."""
    folder = tmp_path_factory.mktemp("dist")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(built)


def test_a_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile):
    """Migrations, fonts with their licence and `py.typed` too; neither tests nor compiled files."""
    package = ROOT / "grip"
    files = {
        str(path.relative_to(ROOT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in wheel.namelist() if name.startswith("grip/")}
    others = {name.partition("/")[0] for name in wheel.namelist()} - {"grip"}

    assert held == files
    assert {"grip/py.typed", "grip/store/migrations/versions/0001_accounts_and_money.py"} <= held
    assert any(name.endswith(".ttf") for name in held)
    assert others == {f"grip_gateway-{grip.__version__}.{kind}" for kind in ("data", "dist-info")}


def test_a_wheel_has_the_command_the_licences_and_the_units(wheel: zipfile.ZipFile):
    """`pipx install` puts `grip` on the path; the units lie in the environment's share/grip."""
    info = f"grip_gateway-{grip.__version__}.dist-info"
    points = ConfigParser()
    points.read_string(wheel.read(f"{info}/entry_points.txt").decode())
    names = set(wheel.namelist())
    share = f"grip_gateway-{grip.__version__}.data/data/share/grip"

    assert dict(points["console_scripts"]) == {"grip": "grip.cli.main:run"}
    assert f"{info}/licenses/LICENSE" in names
    assert any("/licenses/grip/documents/fonts/" in name for name in names)
    assert {f"{share}/systemd/{unit.name}" for unit in (ROOT / "systemd").iterdir()} <= names
    assert wheel.read(f"{share}/requirements.lock") == (ROOT / "requirements.lock").read_bytes()


def test_the_source_of_a_release_can_be_built_and_tested():
    """All that the Makefile and the Containerfile name is in it."""
    files = SdistBuilder(str(ROOT)).recurse_included_files()
    held = {file.distribution_path for file in files}

    assert {"Makefile", "Containerfile", "requirements.lock", "requirements-dev.lock"} <= held
    assert {"tests/packaging/test_wheel.py", "systemd/grip.socket", "docs/install.md"} <= held


def test_a_container_runs_as_nobody_in_particular_and_copies_what_there_is():
    """Its user is a number that is not root's; what it copies exists, and is not kept out."""
    taken = re.findall(r"^COPY (?!--)(.+) \S+$", CONTAINER, re.MULTILINE)
    copied = [name for line in taken for name in line.split()]
    let_in = (ROOT / ".containerignore").read_text().splitlines()
    (user,) = re.findall(r"^USER (\d+):\d+$", CONTAINER, re.MULTILINE)

    assert int(user) > 0
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert [name for name in copied if f"!{name}" not in let_in] == []
    assert json.loads(re.findall(r"^ENTRYPOINT (.+)$", CONTAINER, re.MULTILINE)[0]) == ["grip"]
