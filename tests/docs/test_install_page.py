"""The pages for who installs grip and looks after it: their commands work, their names are real."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from grip import settings
from grip.cli import main
from grip.services.doctor.database import has_reset_bug

ROOT = Path(__file__).parents[2]
INSTALL, OPERATING = (
    (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in ("install", "operating")
)
PAGES = pytest.mark.parametrize("page", [INSTALL, OPERATING], ids=["install", "operating"])


def _blocks(kind: str, page: str = INSTALL) -> list[str]:
    return re.findall(rf"^```(?:{kind})\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configuration of the page, but a database that is there."""
    toml, _ = _blocks("toml")
    database = f"sqlite:///{tmp_path / 'grip.db'}"
    (tmp_path / "grip.toml").write_text(toml.replace("sqlite:////var/lib/grip/grip.db", database))
    monkeypatch.chdir(tmp_path)
    for variable in ("GRIP_CONFIG", "GRIP_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@PAGES
def test_every_command_of_the_page_works_in_its_order(page: str, place: Path):
    """On a database that is new, with the configuration that the page begins with."""
    commands = re.findall(r"^\$ gripc? (.+)$", page, re.MULTILINE)
    for command in commands:
        done = CliRunner().invoke(main.app, shlex.split(command), prog_name="grip")
        assert done.exit_code == 0, f"{command}\n{done.output}"

    assert len(commands) >= 5


def test_the_configuration_believes_the_proxy_of_the_page(place: Path):
    """Caddy is on the same machine: what it says of its clients counts."""
    loaded = settings.load(place / "grip.toml", environ={})

    assert loaded.server.public_url == "https://grip.example.com"
    assert {"127.0.0.1/32", "::1/128"} == {str(one) for one in loaded.server.trusted_proxies}
    assert f"reverse_proxy {loaded.server.host}:{loaded.server.port}\n" in INSTALL


def test_commands_run_as_the_services_do_from_the_line_on_that_says_so(tmp_path: Path):
    """In the same shell too: their user, folder and file, and with `gripc` their secrets."""
    (block,) = [block for block in _blocks("sh") if "alias grip=" in block]
    (script,) = re.findall(
        r"/usr/local/sbin/gripc <<'END'\n(.+?)^END$", INSTALL, re.MULTILINE | re.DOTALL
    )
    service = (ROOT / "systemd" / "grip.service").read_text(encoding="utf-8")
    says = dict(line.split("=", 1) for line in service.splitlines() if re.match("[A-Z].*=", line))
    program, _, config = says["ExecStart"].partition(" serve --config ")
    plain = _words_of(f"{block}\ngrip db status", tmp_path)
    handed = _words_of(f"set -- reconcile '--json '\n{script.replace('exec ', '')}", tmp_path)
    folder, credentials = says["WorkingDirectory"], says["LoadCredential"]

    assert plain == [
        *("runuser", "-u", says["User"], "--", "env", "-C", folder, f"GRIP_CONFIG={config}"),
        *(program, "db", "status"),
    ]
    assert handed[-3:] == [program, "reconcile", "--json "]
    assert {"--pipe", "--wait", "--collect", f"--uid={says['User']}"} < set(handed)
    assert {f"WorkingDirectory={folder}", f"LoadCredential={credentials}"} < set(handed)
    assert handed[handed.index("-E") + 1] == f"GRIP_CONFIG={config}"
    assert INSTALL.index(block) < INSTALL.index("$ grip ")


def test_credentials_have_the_name_everywhere_that_the_units_give_them():
    """Whoever copies a line from a page has to put a file there, and to think of no prefix."""
    pages = [ROOT / "README.md", ROOT / "config.example.toml", *(ROOT / "docs").glob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    names = set(re.findall(r"\bcred:(?!NAME)([\w-]+)", text))
    units = [unit.read_text(encoding="utf-8") for unit in (ROOT / "systemd").glob("*.service")]
    prefixes = {re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE)[0] for unit in units}

    assert len(names) >= 6
    assert [name for name in names if name.partition("_")[0] not in prefixes] == []


def _words_of(script: str, home: Path) -> list[str]:
    """Return the one command of others that a script would run, word by word."""
    tell = '() { printf \'%s\\037\' "$0" "$@"; echo; }\n'
    tellers = "".join(name + tell.replace("$0", name) for name in ("runuser", "systemd-run"))
    told = subprocess.run(
        ["bash", "-O", "expand_aliases", "-c", tellers + script],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return told.removesuffix("\037\n").split("\037")


def test_the_proxy_passes_on_all_but_what_is_for_this_machine():
    """What security.md says to keep from the outside, and nothing that the page asks for there."""
    (kept,) = re.findall(r"^\t@inside path (.+)\n\trespond @inside 404$", INSTALL, re.MULTILINE)
    asked = re.findall(r"https://grip\.example\.com(/\S+)", INSTALL)
    security = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")

    # With all behind it: grip takes `/readyz/` for `/readyz`, and Caddy does not.
    inside = [path.removesuffix("*") for path in kept.split()]
    assert [f"{path}*" for path in inside] == kept.split()
    assert f"Keep `{'` and `'.join(inside)}` from the outside" in security
    assert {"/healthz"} <= set(asked)
    assert not [path for path in asked if path.startswith(tuple(inside))]


def test_the_page_tells_of_the_sqlite_that_doctor_warns_of():
    """Debian 12's; and from which version on it does not."""
    told = re.findall(r"\b3\.(\d+)\.(\d+)", INSTALL.partition("`doctor` warns")[2])

    assert [has_reset_bug((3, int(minor), int(patch))) for minor, patch in told] == [True, False]


def test_the_address_of_postgresql_is_a_socket_for_the_user_of_the_services(tmp_path: Path):
    """The configuration takes it; whoever connects is who they are on the machine."""
    _, toml = _blocks("toml")
    (tmp_path / "grip.toml").write_text(toml)
    url = make_url(settings.load(tmp_path / "grip.toml", environ={}).database.url)

    assert (url.username, url.password, url.database) == ("grip", None, "grip")
    assert (url.host, url.query["host"]) == (None, "/var/run/postgresql")


def test_services_are_let_write_where_they_have_to():
    """Each is told of that may write to its own directory only."""
    strict = {
        path.stem
        for path in (ROOT / "systemd").glob("*.service")
        if "ProtectSystem=strict" in path.read_text(encoding="utf-8")
    }
    section = OPERATING.partition("\n## Directories elsewhere\n")[2].partition("\n## ")[0]

    assert "ReadWritePaths=/" in section
    assert {
        name for name in strict if f"`{name}`" in section or f"edit {name}\n" in section
    } == strict


def test_every_stop_stops_all_that_would_start_grip_again():
    """The socket would at the next call, the timer at night; and each page says how to go on."""
    units = {unit.name.removesuffix(".service") for unit in (ROOT / "systemd").glob("grip*.*")}
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        stops = re.findall(r"^systemctl stop (.+)$", text, re.MULTILINE)
        starts = re.findall(r"^systemctl start grip grip-maintenance\.timer\b", text, re.MULTILINE)
        assert [set(stop.split()) for stop in stops] == [units] * len(stops)
        assert len(starts) == len(stops)


def test_the_log_can_be_read_though_not_all_of_it_is_json():
    """The line of the page passes by what systemd and the start say."""
    (reader,) = re.findall(r"^journalctl .+ \| (jq .+)$", OPERATING, re.MULTILINE)
    if shutil.which("jq") is None:
        pytest.skip("jq is not there")
    told = subprocess.run(
        ["/bin/sh", "-c", reader],
        input='Started grip.\ngrip serves http://127.0.0.1:8000\n{"event":"boot.dead"}\n',
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert told == '{"event":"boot.dead"}\n'


def test_what_asks_a_provider_is_run_with_the_credentials():
    """On every page: by the other alias it ends in an error, on an installation that is well."""
    needing = r"\bgrip (?:reconcile|orders refund|channels test)\b"
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")]

    assert [found for page in pages for found in re.findall(needing, page)] == []


@PAGES
def test_every_command_that_is_named_there_is(page: str):
    """Also those which are not run here, since they need systemd or an upstream."""
    blocks = _blocks("sh|console|crontab", page)
    spans = re.findall(r"`([^`\n]+)`", page)
    code = re.sub(r"#.*|podman run .*", "", "\n".join([*blocks, *spans]))
    named = set(re.findall(r"(?:^|[ /])gripc? ([a-z]+)\b", code, re.MULTILINE))

    assert named - {"grip"} <= {*main.NOUNS, *main.COMMANDS}
    assert {"channels", "maintenance"} & named


@PAGES
def test_every_unit_that_is_named_there_is(page: str):
    """And so are the files that the wheel brings."""
    units = set(re.findall(r"\bgrip[a-z-]*\.(?:service|socket|timer)\b", page))

    assert units
    assert [unit for unit in units if not (ROOT / "systemd" / unit).exists()] == []


@PAGES
def test_every_page_that_is_linked_there_is(page: str):
    """No link leads nowhere."""
    links = re.findall(r"\]\((?!http)([^)]+)\)", page)

    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_the_package_is_made_as_the_page_says():
    """Where it is looked for afterwards."""
    told = subprocess.run(
        ["make", "-n", "wheel"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout

    assert "hatchling build -t wheel" in told


def test_every_line_of_the_log_that_is_explained_there_is():
    """The program says it under that name."""
    table = OPERATING.partition("| the log says |")[2].partition("\n\n")[0]
    names = re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "grip").rglob("*.py"))

    assert len(names) >= 8
    assert [name for name in names if f'"{name}"' not in source] == []


def test_the_times_of_the_page_are_those_of_the_units():
    """When maintenance runs, and for how long a process may be silent."""
    timer = (ROOT / "systemd" / "grip-maintenance.timer").read_text(encoding="utf-8")

    assert "OnCalendar=*-*-* 03:17:00" in timer
    assert "17 3 * * *  grip" in OPERATING
