"""What a callback_url may be, when a task is created."""

import httpx2
import pytest

from grip import settings
from grip.errors import InvalidRequest
from grip.settings import load
from grip.tasks.callbacks import CallbackRules, check_callback_url, rules_of

RULES = CallbackRules(ports=(443, 8443), own_hosts=frozenset({"api.grip.example"}))


def refusal(url: str, rules: CallbackRules = RULES) -> str:
    """Return what a tenant reads about this URL."""
    with pytest.raises(InvalidRequest) as refused:
        check_callback_url(url, rules)
    assert refused.value.param == "callback_url"
    assert refused.value.message.startswith("callback_url ")
    return refused.value.message


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://hooks.example.com/", "https://hooks.example.com/"),
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com/a/b?c=d", "https://hooks.example.com/a/b?c=d"),
        ("https://Hooks.Example.COM:443/A", "https://hooks.example.com/A"),
        ("https://hooks.example.com:8443/", "https://hooks.example.com:8443/"),
        ("https://my_app.example.com/", "https://my_app.example.com/"),
        ("https://bücher.example/é?ü", "https://xn--bcher-kva.example/%C3%A9?%C3%BC"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://hooks.example.com/a/../b", "https://hooks.example.com/b"),
    ],
)
def test_a_public_https_url_is_taken_in_its_canonical_form(url: str, canonical: str):
    """All ASCII, names of other scripts as the client encodes them, and stable from then on."""
    assert check_callback_url(url, RULES) == canonical
    assert check_callback_url(canonical, RULES) == canonical
    assert str(httpx2.URL(canonical)) == canonical


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "https://"),
        ("hooks.example.com", "https://"),
        ("//hooks.example.com/", "https://"),
        ("http://hooks.example.com/", "https://"),
        ("ftp://hooks.example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://hooks.example.com/", "https://"),
        ("sandbox://x/", "https://"),
        ("javascript:alert(1)", "https://"),
        ("https:///x", "https://"),
        ("https:hooks.example.com", "https://"),
        ("https://hooks.example.com:80/", "port 443 or 8443"),
        ("https://hooks.example.com:22/", "port 443 or 8443"),
        ("https://hooks.example.com:0/", "port"),
        ("https://hooks.example.com:65536/", "port"),
        ("https://hooks.example.com:x/", "cannot be read"),
        ("https://hooks.example.com:-1/", "port"),
        ("https://user@hooks.example.com/", "user name"),
        ("https://user:pass@hooks.example.com/", "user name"),
        ("https://@hooks.example.com/", "user name"),
        ("https://hooks.example.com@169.254.169.254/", "user name"),
        ("https://hooks.example.com\\@169.254.169.254/", "backslashes"),
        ("https://hooks.example.com/#x", "fragment"),
        ("https://hooks.example.com/#", "fragment"),
        ("https://hooks.example.com/\r\nx: y", "control"),
        ("https://hooks.example.com/\t", "control"),
        ("https://hooks.example.com/\0", "control"),
        ("https://hooks.example.com/\x7f", "control"),
        ("https://hooks.example.com/\u202e", "control"),
        ("https://hooks.example.com/a b", "blanks"),
        (" https://hooks.example.com/", "blanks"),
        ("https://hooks\u00a0.example.com/", "blanks"),
        ("https://localhost/", "public host"),
        ("https://LOCALHOST/", "public host"),
        ("https://localhost./", "letters"),
        ("https://a.localhost/", "public host"),
        ("https://hooks/", "public host"),
        ("https://printer.local/", "public host"),
        ("https://metadata.google.internal/", "public host"),
        ("https://db.corp/", "public host"),
        ("https://router.home.arpa/", "public host"),
        ("https://1.0.0.127.in-addr.arpa/", "public host"),
        ("https://api.grip.example/", "this gateway"),
        ("https://API.grip.example/", "this gateway"),
        ("https://api.grip.example:8443/", "this gateway"),
        ("https://hooks..example.com/", "letters"),
        ("https://-hooks.example.com/", "letters"),
        (f"https://{'a' * 64}.example.com/", "letters"),
        (f"https://{'a.' * 130}example.com/", "letters"),
        ("https://hooks.example.com%2f/", "letters"),
        ("https://①②⑦.0.0.1/", "cannot be read"),
        ("https://☃.example/", "cannot be read"),
        ("https://127.0.0.1/", "not an address"),
        ("https://0/", "not an address"),
        ("https://[::1]/", "not an address"),
        ("https://8.8.8.8/", "not an address"),
        ("https://[", "letters"),
        ("https://[::1/", "cannot be read"),
    ],
)
def test_any_other_url_is_refused_with_the_reason(url: str, why: str):
    """Before anything is held or written."""
    assert why in refusal(url)


def test_a_url_has_at_most_2048_characters():
    """With the escapes that it needs."""
    start = "https://hooks.example.com/"
    longest = start + "a" * (2048 - len(start))

    assert check_callback_url(longest, RULES) == longest
    assert "2048" in refusal(longest + "a")
    assert "2048" in refusal(start + "é" * 400)


def test_only_443_is_a_port_unless_the_operator_lists_others():
    """The default of the configuration."""
    rules = rules_of(load(environ={}))

    assert check_callback_url("https://hooks.example.com/", rules)
    assert "port 443, not 8443" in refusal("https://hooks.example.com:8443/", rules)


def test_the_rules_of_a_configuration():
    """Its ports and places, and the names that it has itself."""
    chosen = settings.load(
        environ={
            "GRIP_CALLBACKS_ALLOW": "127.0.0.1:8080",
            "GRIP_CALLBACKS_PORTS": "443,444",
            "GRIP_SERVER_HOST": "gateway.example.org",
            "GRIP_SERVER_PUBLIC_URL": "https://Media.grip.example/x",
            "GRIP_REGIONS_EU_ENDPOINT": "https://EU.grip.example:8000/v1",
        }
    )
    rules = rules_of(chosen, host_names=["Node-1.example.org."])

    assert check_callback_url("http://127.0.0.1:8080/x", rules) == "http://127.0.0.1:8080/x"
    assert check_callback_url("https://hooks.example.com:444/", rules)
    assert "not an address" in refusal("http://127.0.0.1:8081/x", rules)
    names = ("eu.grip.example", "gateway.example.org", "node-1.example.org", "media.grip.example")
    for own in names:
        assert "this gateway" in refusal(f"https://{own}/", rules)
