"""`grip serve --demo`: what it makes, what it prints, and where it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from tests import forks
from tests.e2e.gateway import command, environ, serving

UNITS = ("input", "per_image", "per_second", "per_character")


def _chat(url: str, key: str) -> int:

    body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hello"}]}
    return httpx2.post(
        f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    ).status_code


def test_the_printed_line_works_in_a_shell(own_url: str, tmp_path: Path):
    """As it stands, and it is charged."""
    with serving(own_url, tmp_path, "--demo") as gateway:
        done = subprocess.run(
            ["bash", "-c", gateway.said["curl"]],
            env=environ(own_url),
            capture_output=True,
            text=True,
            check=True,
        )
        usage = command(own_url, tmp_path, "usage", "list", "--json")

    assert json.loads(done.stdout)["choices"][0]["message"]["content"]
    assert gateway.said["key"].startswith("sk-grip-")
    (row,) = json.loads(usage.stdout)
    assert row["cost_nano"] > 0


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_people_get_the_same_line_in_words(own_url: str, tmp_path: Path):
    """Without --json, one of the printed lines is the command."""
    process = forks.Popen(
        [sys.executable, "-m", "grip", "serve", "--demo", "--port", "0"],
        env=environ(own_url),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    with process.stdout as printed:
        line = next(text for text in printed if text.startswith("curl "))
        done = subprocess.run(
            ["bash", "-c", line], env=environ(own_url), capture_output=True, check=True
        )
        process.terminate()
        assert process.wait(60) == 0

    assert json.loads(done.stdout)["choices"]


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_a_restart_rolls_the_key(own_url: str, tmp_path: Path):
    """The old one is refused from then on; nothing is made twice. The first start is on record."""
    with serving(own_url, tmp_path, "--demo") as first:
        old = str(first.said["key"])
        assert _chat(first.url, old) == 200
    with serving(own_url, tmp_path, "--demo") as second:
        assert _chat(second.url, old) == 401
        assert _chat(second.url, str(second.said["key"])) == 200
    keys, models = (
        json.loads(command(own_url, tmp_path, noun, "list", "--json").stdout)
        for noun in ("keys", "models")
    )

    log = command(own_url, tmp_path, "audit", "list", "--action", "settings.start", "--json")
    (start,) = json.loads(log.stdout)

    assert len(keys) == 1
    assert (start["before"], start["after"]["server.workers"]) == (None, 1)
    assert {model["type"] for model in models} == {"chat", "embedding", "image", "audio", "video"}
    assert all(model["priced"] for model in models)
    assert all(any(float(model[unit] or 0) > 0 for unit in UNITS) for model in models)


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_the_sandbox_draws_speaks_and_listens(own_url: str, tmp_path: Path):
    """Each at its price, through the official client."""
    with serving(own_url, tmp_path, "--demo") as gateway:
        client = OpenAI(api_key=str(gateway.said["key"]), base_url=f"{gateway.url}/v1")
        picture = client.images.generate(model="sandbox-image", prompt="A cat", n=2)
        said = client.audio.speech.create(model="sandbox-audio", voice="any", input="Hello")
        heard = client.audio.transcriptions.create(
            model="sandbox-audio", file=("hello.wav", said.content)
        )
        rows = json.loads(command(own_url, tmp_path, "usage", "list", "--json").stdout)
        client.close()

    assert len(picture.data or ()) == 2
    assert "sandbox" in heard.text
    assert [row["cost_nano"] for row in rows] == [2 * 10**8, 75 * 10**6, 80 * 10**9]


def test_a_database_in_use_is_refused_in_one_line(own_url: str, tmp_path: Path):
    """Nothing is changed there, and nothing listens."""
    command(own_url, tmp_path, "accounts", "create", "--email", "ana@example.com")
    refused = command(own_url, tmp_path, "serve", "--demo", "--port", "0")
    as_json = command(own_url, tmp_path, "serve", "--demo", "--port", "0", "--json")
    keys = command(own_url, tmp_path, "keys", "list", "--json")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("error: conflict: ")
    assert refused.stderr.count("\n") == 1
    assert json.loads(as_json.stderr)["error"]["code"] == "conflict"
    assert json.loads(keys.stdout) == []


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_a_port_that_is_taken_is_refused_in_one_line(own_url: str, tmp_path: Path):
    """It names the address."""
    with serving(own_url, tmp_path) as gateway:
        port = gateway.url.rpartition(":")[2]
        refused = command(own_url, tmp_path, "serve", "--port", port)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("error: address_unusable: ")
    assert refused.stderr.count("\n") == 1
