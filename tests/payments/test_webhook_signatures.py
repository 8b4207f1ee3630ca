"""Who is believed: against the official libraries, in both directions."""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from grip.errors import WebhookRefused, WebhookUnavailable
from grip.payments.signatures import check_standard, check_stripe, sign_standard
from grip.standard_webhooks import WINDOW_S

NOW_S = 1_795_000_000
BODY = b'{\n  "id": "evt_1",\n  "amount": 4900\n}'
OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()

Check = Callable[..., object]


def by_stripe(
    raw: bytes = BODY,
    *,
    signer: str = NEW,
    secrets: tuple[str, ...] = (NEW,),
    at_s: int = NOW_S,
    now_s: float = NOW_S,
    sent: bytes | None = None,
) -> None:
    """Check a call that Stripe's own library signs, as `sent`."""
    header = stripe.WebhookSignature.generate_signature_header(raw.decode(), signer, at_s)
    check_stripe(raw if sent is None else sent, header, secrets, round(now_s * 1_000_000))


def by_standard(
    raw: bytes = BODY,
    *,
    signer: str = NEW,
    secrets: tuple[str, ...] = (NEW,),
    at_s: int = NOW_S,
    now_s: float = NOW_S,
    sent: bytes | None = None,
) -> None:
    """Check a call that the library of Standard Webhooks signs, as `sent`."""
    signature = Webhook(signer).sign("msg_1", datetime.fromtimestamp(at_s, UTC), raw.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at_s),
        "webhook-signature": signature,
    }
    called = raw if sent is None else sent
    assert check_standard(called, headers, secrets, round(now_s * 1_000_000)) == "msg_1"


BOTH = pytest.mark.parametrize("check", [by_stripe, by_standard])


@BOTH
def test_what_the_official_library_signs_is_believed(check: Check):
    """Over the raw bytes."""
    check()
    check("ünïcode \u202e €".encode())
    check(b"")
    check(b"x" * 1_000_000)


@given(
    raw=st.text().map(str.encode),
    key=st.binary(min_size=24, max_size=64),
    at_s=st.integers(min_value=0, max_value=2**32),
)
def test_for_every_body_secret_and_time(raw: bytes, key: bytes, at_s: int):
    """Both schemes."""
    secret = f"whsec_{base64.b64encode(key).decode()}"
    for check in (by_stripe, by_standard):
        check(raw, signer=secret, secrets=(secret,), at_s=at_s, now_s=at_s)


@given(raw=st.text().map(str.encode), key=st.binary(min_size=24, max_size=64))
def test_what_grip_signs_the_library_believes(raw: bytes, key: bytes):
    """The other way about: the sandbox signs as Standard Webhooks has it."""
    secret = f"whsec_{base64.b64encode(key).decode()}"
    body = json.dumps(raw.decode()).encode()
    headers = sign_standard(secret, "msg_1", round(time.time()), body)  # noqa: TID251 - the library's clock
    assert Webhook(secret).verify(body, headers) == raw.decode()


@BOTH
def test_a_forged_body_is_refused(check: Check):
    """Also one that says the same in other bytes."""
    again = json.dumps(json.loads(BODY)).encode()
    for sent in (again, BODY + b"\n", BODY.replace(b"4900", b"4901"), b""):
        with pytest.raises(WebhookRefused):
            check(sent=sent)


@BOTH
def test_another_secret_is_refused(check: Check):
    """Whoever it belongs to."""
    with pytest.raises(WebhookRefused):
        check(signer=OTHER)


@BOTH
def test_five_minutes_either_way_and_no_second_more(check: Check):
    """A call from the future is as suspicious as an old one, and a replay is old one day."""
    check(now_s=NOW_S + WINDOW_S)
    check(now_s=NOW_S - WINDOW_S)
    for now_s in (NOW_S + WINDOW_S + 1, NOW_S - WINDOW_S - 1, NOW_S + 86_400, 0):
        with pytest.raises(WebhookRefused):
            check(now_s=now_s)


@BOTH
def test_a_rotated_secret_is_believed_as_long_as_it_is_kept(check: Check):
    """Two secrets here: the new one and the old."""
    check(signer=OLD, secrets=(NEW, OLD))
    check(signer=NEW, secrets=(NEW, OLD))
    with pytest.raises(WebhookRefused):
        check(signer=OLD, secrets=(NEW,))


@BOTH
@pytest.mark.parametrize("secrets", [(), ("",), (" \t",), ("", "  ")])
def test_without_a_secret_nobody_is_believed(check: Check, secrets: tuple[str, ...]):
    """Row 1 of the list: an HMAC of an empty key is one that anybody can make."""
    with pytest.raises(WebhookUnavailable):
        check(secrets=secrets)


def test_a_signature_by_an_empty_secret_is_refused():
    """However many other secrets there are."""
    with pytest.raises(WebhookRefused):
        by_stripe(signer="", secrets=("", NEW))


def test_several_signatures_are_looked_through():
    """As they come while the provider's own secret rotates."""
    mine = stripe.WebhookSignature.generate_signature_header(BODY.decode(), NEW, NOW_S)
    old = stripe.WebhookSignature.generate_signature_header(BODY.decode(), OLD, NOW_S)
    theirs = old.partition(",")[2]
    check_stripe(BODY, f"{mine},{theirs},v0=ff,x", (OLD,), NOW_S * 1_000_000)

    headers = sign_standard(NEW, "msg_1", NOW_S, BODY)
    other = sign_standard(OLD, "msg_1", NOW_S, BODY)["webhook-signature"]
    both = f"v1a,ff {headers['webhook-signature']} {other} nonsense"
    check_standard(BODY, headers | {"webhook-signature": both}, (OLD,), NOW_S * 1_000_000)


def test_a_signature_of_another_scheme_counts_for_nothing():
    """Stripe's v0 is made with a fixed key, in test mode, for anybody."""
    header = stripe.WebhookSignature.generate_signature_header(BODY.decode(), NEW, NOW_S)
    for scheme in ("v0=", "V1=", "v11="):
        with pytest.raises(WebhookRefused):
            check_stripe(BODY, header.replace("v1=", scheme), (NEW,), NOW_S * 1_000_000)


def test_a_signature_with_two_times_is_refused():
    """Only one of them was signed, and a reader may take the other."""
    header = stripe.WebhookSignature.generate_signature_header(BODY.decode(), NEW, NOW_S)
    for two in (f"{header},t={NOW_S}", f"t={NOW_S},{header}", f"{header},t={NOW_S + 1}"):
        with pytest.raises(WebhookRefused):
            check_stripe(BODY, two, (NEW,), NOW_S * 1_000_000)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=ff",
        "t=1795000000",
        "t=,v1=ff",
        "t=soon,v1=ff",
        "t=-1795000000,v1=ff",
        "t=1795000000,t=1795000000,v1=ff",
        "t=\u0661,v1=ff",
        "t=1795000000,v1=\u00ff",
        "t=1795000000,v1=\ud800",
        "t=9" * 4000,
        "t=1795000000" + ",v1=ff" * 17,
        ",,,===",
        "\x00",
    ],
)
def test_a_header_that_is_none_is_refused(header: str):
    """By its name, and never by an error of the parser."""
    with pytest.raises(WebhookRefused):
        check_stripe(BODY, header, (NEW,), NOW_S * 1_000_000)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", ["", "v1", ",", " ", "\u00e4", "\ud800", "9" * 5000, "v1,\u00e4"])
def test_a_call_without_one_of_its_headers_is_refused(name: str, value: str):
    """The library of Standard Webhooks raises errors of the parser for some of these."""
    headers = sign_standard(NEW, "msg_1", NOW_S, BODY) | {name: value}
    with pytest.raises(WebhookRefused):
        check_standard(BODY, headers, (NEW,), NOW_S * 1_000_000)


def test_id_and_time_are_signed_too():
    """An old call cannot be sent again as a new one."""
    headers = sign_standard(NEW, "msg_1", NOW_S, BODY)
    for name, value in (("webhook-id", "msg_2"), ("webhook-timestamp", str(NOW_S + 1))):
        with pytest.raises(WebhookRefused):
            check_standard(BODY, headers | {name: value}, (NEW,), NOW_S * 1_000_000)
        with pytest.raises(WebhookVerificationError):
            Webhook(NEW).verify(BODY, headers | {name: value})


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "not base64!", "whsec_\u00e4"])
def test_a_secret_that_is_none_is_named(secret: str):
    """Fewer than 16 bytes are no secret."""
    with pytest.raises(WebhookUnavailable):
        check_standard(BODY, sign_standard(NEW, "msg_1", NOW_S, BODY), (secret,), NOW_S * 1_000_000)
