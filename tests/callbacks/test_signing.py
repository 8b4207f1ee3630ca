"""Signatures, against the library of Standard Webhooks."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from grip import ids
from grip.standard_webhooks import sign
from grip.tasks.callbacks import message

BODY = b'{"type":"task.completed"}'


@given(
    key=st.binary(min_size=24, max_size=64),
    webhook_id=st.from_regex(r"cb_[0-9a-f]{32}", fullmatch=True),
    at_s=st.integers(min_value=0, max_value=2**32),
    body=st.text().map(str.encode),
)
def test_signatures_are_those_of_the_library(key: bytes, webhook_id: str, at_s: int, body: bytes):
    """For every secret, id, time and body."""
    secret = f"whsec_{base64.b64encode(key).decode()}"
    expected = Webhook(secret).sign(webhook_id, datetime.fromtimestamp(at_s, UTC), body.decode())

    assert sign([secret], webhook_id, at_s, body) == {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": expected,
    }


def test_two_secrets_sign_and_each_of_them_verifies():
    """While one takes over from the other; a third one does not."""
    at_s = round(datetime.now(UTC).timestamp())
    old, new, other = (ids.new_callback_secret() for _ in range(3))
    signed = sign([new, old], "cb_1", at_s, BODY)

    assert Webhook(old).verify(BODY, signed) == {"type": "task.completed"}
    assert Webhook(new).verify(BODY, signed) == {"type": "task.completed"}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, signed)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp"])
def test_id_and_time_are_signed_too(changed: str):
    """Nobody can send an old one again as a new one."""
    at_s = round(datetime.now(UTC).timestamp())
    secret = ids.new_callback_secret()
    signed = sign([secret], "cb_1", at_s, BODY)
    forged = signed | {changed: "cb_2" if changed == "webhook-id" else str(at_s + 1)}

    Webhook(secret).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, forged)


def test_a_secret_has_256_bits_behind_its_prefix():
    """And is another one each time."""
    secret = ids.new_callback_secret()

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert secret != ids.new_callback_secret()


def test_a_message_has_the_three_members_of_the_standard():
    """The type, the time and the data."""
    told = message("task.completed", at_us=1_800_000_000_000_000, data={"id": "task_1"})

    assert told == (
        b'{"type":"task.completed","timestamp":"2027-01-15T08:00:00Z","data":{"id":"task_1"}}'
    )
