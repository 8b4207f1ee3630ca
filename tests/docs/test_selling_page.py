"""The page on selling credits: its commands work in their order, its table is the program's."""

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from grip import app as gateway
from grip import settings
from grip.cli.main import app
from grip.jobs import ticker
from grip.services.selling import reconciling
from grip.store import orders
from grip.web import app as web_app

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "selling.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ gripc? (.+)$", PAGE, re.MULTILINE)
INLINE = [" ".join(words.split()) for words in re.findall(r"`grip ([^`]+ --[^`]+)`", PAGE)]
CALLS = [json.loads(body) for body in re.findall(r"--json '(.+)'", PAGE)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the seller of the page on billing, and the sandbox of that on payments."""
    billing, payments = ((DOCS / f"{page}.md").read_text() for page in ("billing", "payments"))
    seller = re.findall(r"^```toml\n(.*?)^```$", billing, re.MULTILINE | re.DOTALL)
    sandbox = re.findall(r"^\[payments.sandbox\]\n.*$", payments, re.MULTILINE)
    (tmp_path / "grip.toml").write_text("\n".join([*seller, *sandbox]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for variable in ("GRIP_CONFIG", "GRIP_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GRIP_SANDBOX_SECRET", "whsec_" + "A" * 44)
    return tmp_path


def _run(command: str) -> str:
    done = CliRunner().invoke(app, shlex.split(command), prog_name="grip")
    assert done.exit_code == 0, f"{command}\n{done.output}"
    return done.stdout


def test_every_command_of_the_page_works_in_its_order(place: Path):
    """By hand, given back, on account; and it all agrees in the end."""
    names = {"$ORDER": "", "$INVOICE": ""}
    said: dict[str, str] = {}
    for command in COMMANDS:
        words = re.sub(r"\$[A-Z]+", lambda found: names[found[0]], command)
        said[command] = _run(words)
        if command.startswith("orders create"):
            names["$ORDER"] = said[command].partition(":")[0]
        if command.startswith("orders approve"):
            names["$INVOICE"] = json.loads(_run("invoices list --json"))[0]["number"]
    (contract,) = INLINE
    _run(contract)

    assert len(COMMANDS) == 14
    assert said["reconcile"] == "Nothing differs.\n"
    assert (place / "invoice.pdf").read_bytes().startswith(b"%PDF-")
    assert (place / "statement.pdf").read_bytes().startswith(b"%PDF-")
    order = json.loads(_run(f"orders show {names['$ORDER']} --json"))
    assert (order["status"], order["returned"]) == ("partially_reversed", "119.00")


def test_the_call_of_the_page_begins_a_checkout(place: Path):
    """And answers with all that the page says it shows."""
    for command in COMMANDS[:2]:
        _run(command)
    made = json.loads(_run("keys create --wallet ada@example.com --name main --json"))
    (body,) = CALLS
    status, told = asyncio.run(_begin(place, made["key"], body))

    assert status == 200, told
    assert (told["net"], told["tax"], told["gross"], told["credits"]) == (
        *("199.00", "37.81", "236.81"),
        199_000,
    )
    assert {"terms_url", "refund_policy_url", "url"} <= set(told)


async def _begin(place: Path, key: str, body: Any) -> tuple[int, Any]:
    running = gateway.build(settings.load(place / "grip.toml"))
    await running.start()
    try:
        served: Any = web_app.build(running)
        transport = httpx2.ASGITransport(served)
        async with httpx2.AsyncClient(transport=transport, base_url="http://grip.test") as client:
            headers = {"authorization": f"Bearer {key}", "idempotency-key": "1"}
            answer = await client.post("/v1/checkout/sessions", json=body, headers=headers)
            return answer.status_code, answer.json()
    finally:
        await running.stop()


def test_the_table_of_statuses_is_whole():
    """In the order of the program; none is missing, and none is made up."""
    table = PAGE.partition("| an order is |")[2].partition("\n\n")[0]
    firsts = [line.split("|")[1] for line in table.splitlines()[2:]]
    words = [word for first in firsts for word in re.findall(r"`(\w+)`", first)]

    assert words == list(orders.STATUSES)


def test_the_numbers_of_the_page_are_those_of_the_program():
    """Times, packages, and the price of a credit."""
    flowing = " ".join(PAGE.split())
    loaded = settings.load(environ={})
    online = [name for name, package in loaded.packages.items() if package.by == "checkout"]
    contract = [name for name, package in loaded.packages.items() if package.by == "contract"]

    assert ticker._PAYMENTS_EVERY_S == 30
    assert "Every 30 seconds, what nobody has heard of since is asked after." in flowing
    assert f"`{'` and `'.join(online)}` by checkout" in flowing
    assert f"`{'` and `'.join(contract)}` by contract" in flowing
    assert reconciling.EARLIER_US == 14 * 24 * 3600 * 1_000_000
    assert "which should begin two weeks earlier" in flowing
    assert "the orders of the last 31 days" in flowing
