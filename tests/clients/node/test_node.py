"""Clients from npm on their way through grip: openai-node and the Vercel AI SDK."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.house import Customer, House

HERE = Path(__file__).parent


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.parametrize("file", ["openai.test.mjs", "ai.test.mjs"])
def test_a_client_from_npm_gets_what_it_asks_for(house: House, customer: Customer, file: str):
    """Chat whole and streamed, tools, parsed answers; on every kind of channel."""
    done = subprocess.run(
        ["node", "--test", "--test-reporter=spec", file],
        cwd=HERE,
        env={
            "PATH": os.environ["PATH"],  # noqa: TID251 - where node is
            "GRIP_URL": house.gateway.url,
            "GRIP_KEY": customer.secret,
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
