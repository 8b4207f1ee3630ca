"""Which values each kind of key accepts, and what a refusal says."""

from decimal import Decimal
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from grip import settings
from grip.errors import ConfigurationInvalid


def load_text(tmp_path: Path, text: str) -> settings.Settings:
    """Load a file of that text, without variables."""
    path = tmp_path / "given.toml"
    path.write_text(text, encoding="utf-8")
    return settings.load(path, {})


def refusal(tmp_path: Path, section: str, line: str) -> str:
    """Return the one line that a file of one key is refused with."""
    with pytest.raises(ConfigurationInvalid) as refused:
        load_text(tmp_path, f"[{section}]\n{line}\n")
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{section}.{line.partition(' ')[0]}: ")
    return message


@pytest.mark.parametrize(
    ("section", "line", "expected"),
    [
        ("server", "port = true", "from 0 to 65535, not true or false"),
        ("server", 'port = "8000"', "from 0 to 65535, not a string"),
        ("server", "port = 1.0", "from 0 to 65535, not a float"),
        ("server", "port = 65536", "must be a whole number from 0 to 65535"),
        ("server", "port = -1", "must be a whole number from 0 to 65535"),
        ("server", "workers = 0", "must be a whole number from 1 to 1024"),
        ("server", "max_body_bytes = 0", "must be a whole number from 1024"),
        ("server", "host = 1", "must be a string, not a whole number"),
        ("server", 'host = ""', "must be one word, without blanks"),
        ("server", 'host = "a b"', "must be one word, without blanks"),
        ("server", 'host = "a\\nb"', "must not hold line breaks"),
        ("server", 'region = "a b"', "must be letters, digits, - and _ only"),
        ("server", 'trusted_proxies = "10.0.0.1"', "must be a list, not a string"),
        ("server", "trusted_proxies = [1]", "must be a string, not a whole number"),
        ("server", 'trusted_proxies = ["a"]', '"a" is not an IP address or a CIDR block'),
        ("server", 'trusted_proxies = ["10.0.0.1/8"]', 'after its prefix; write "10.0.0.0/8"'),
        ("server", 'public_url = "grip.example.com"', "must be https:// and a name"),
        ("server", 'public_url = "http://grip.example.com"', "must be https:// and a name"),
        ("server", 'public_url = "https://192.0.2.1"', "must be https:// and a name"),
        ("server", 'public_url = "https://[2001:db8::1]"', "must be https:// and a name"),
        ("server", 'public_url = "https://grip"', "must be https:// and a name"),
        ("server", 'public_url = "https://u:p@grip.example.com"', "must be https:// and a name"),
        ("server", 'public_url = "https://grip.example.com/?a=b"', "must be https:// and a name"),
        ("server", 'public_url = "https://grip.example.com/#a"', "must be https:// and a name"),
        ("server", 'public_url = "https://grip.example.com:0"', "must be https:// and a name"),
        ("server", 'public_url = "https://grip.example.com:65536"', "is not a URL"),
        ("server", 'public_url = "https://grip.internal"', "a name that the internet knows"),
        ("server", "public_url = 1", "must be a string"),
        ("credits", "signup = -1", "must be a whole number from 0"),
        ("content", "logging = 1", "must be true or false, not a whole number"),
        ("content", 'logging = "yes"', "must be true or false, not a string"),
        ("retention", "detail_days = 0", "must be a whole number from 1"),
        ("retention", "detail_days = 1979-05-27", "not a date or time"),
        ("routing", "attempts = 0", "must be a whole number from 1"),
        ("upstream", "connect_timeout_s = 0", "seconds above 0, at most 86400"),
        ("upstream", "connect_timeout_s = nan", "seconds above 0, at most 86400"),
        ("upstream", "connect_timeout_s = inf", "seconds above 0, at most 86400"),
        ("upstream", "connect_timeout_s = true", "not true or false"),
        ("upstream", "connect_timeout_s = {}", "not a table"),
        ("callbacks", "timeout_s = 61", "seconds above 0, at most 60"),
        ("results", 'mode = "both"', "must be one of store, proxy"),
        ("results", 'storage = "ftp"', "must be one of directory, s3"),
        ("results", 'directory = " "', "must name a directory"),
        ("results", "max_bytes = 1023", "must be a whole number from 1024"),
        ("results", "keep_days = 0", 'to 36500; or write "forever"'),
        ("results", 's3_bucket = "a/b"', "must be the name of a bucket"),
        ("results", 's3_prefix = "../up"', "must be names of letters"),
        ("results", 's3_prefix = "a//b"', "must be names of letters"),
        ("results", 's3_endpoint = "s3.example.com"', "must be an address that starts with"),
        ("results", 's3_secret_key = "the-secret"', "must be a reference to a secret"),
        ("callbacks", "ports = []", "must list at least one port"),
        ("callbacks", "ports = [0]", "must be a whole number from 1 to 65535"),
        ("callbacks", 'ports = ["443"]', "not a string"),
        ("callbacks", 'allow = ["127.0.0.1"]', "not an address or a network with its port"),
        ("callbacks", 'allow = ["127.0.0.1:0"]', "not an address or a network with its port"),
        ("callbacks", 'allow = ["10.0.0.1/8:80"]', "not an address or a network with its port"),
        ("callbacks", 'allow = ["::1:80"]', "not an address or a network with its port"),
        ("callbacks", 'allow = ["hooks:80"]', "not an address or a network with its port"),
        ("legal", 'terms_url = "example.com"', "must be an address that starts with https://"),
        ("legal", 'terms_url = "https://"', "must be an address that starts with https://"),
        ("legal", 'terms_url = "https://a:b"', "is not a URL"),
        ("regions.x", 'endpoint = ""', "must be an address that starts with https://"),
        ("regions.x", 'endpoint = "https://u:p@a"', "must not hold a user name or password"),
        ("log", 'level = "loud"', "must be one of debug, info, warning, error"),
        ("log", "format = 1", "must be a string"),
        (
            "tiers.plus",
            "qps = 0",
            'must be a whole number from 1 to 1000000000000; or write "unlimited"',
        ),
        ("tiers.plus", 'qps = "many"', 'not a string; or write "unlimited"'),
        ("tiers.plus", "groups = []", "must list at least one name"),
        ("tiers.plus", 'groups = ["a b"]', "must list at least one name"),
        (
            "tiers.plus",
            "recharge_over = 100",
            'must be a string, not a whole number; or write "none"',
        ),
        ("tiers.plus", 'recharge_over = "100"', 'such as "100 CNY"; or write "none"'),
        ("tiers.plus", 'recharge_over = "-1 CNY"', 'such as "100 CNY"; or write "none"'),
        ("tiers.plus", 'recharge_over = "100 cny"', 'such as "100 CNY"; or write "none"'),
        ("payments.stripe", "mode = 1", "must be a string, not a whole number"),
    ],
)
def test_a_bad_value_is_said_in_one_line_that_names_the_key(tmp_path, section, line, expected):
    """Wrong types, numbers out of bounds and malformed texts stop the start."""
    assert expected in refusal(tmp_path, section, line)


def test_trusted_proxies_are_parsed(tmp_path):
    """Addresses and CIDR blocks of both families come as networks, ready to be asked."""
    text = '[server]\ntrusted_proxies = ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"]\n'
    expected = tuple(map(ip_network, ("127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8")))
    loaded = load_text(tmp_path, text)

    assert loaded.server.trusted_proxies == expected
    shown = settings.describe(loaded)["server"]["trusted_proxies"]
    assert shown == ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", ""),
        ("https://grip.example.com", "https://grip.example.com"),
        ("https://grip.example.com/", "https://grip.example.com"),
        ("https://Grip.example.com:8443/media/v1/", "https://Grip.example.com:8443/media/v1"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_a_public_url_is_kept_without_its_last_slash(tmp_path, written, kept):
    """Paths are put behind it."""
    loaded = load_text(tmp_path, f'[server]\npublic_url = "{written}"\n')

    assert loaded.server.public_url == kept


def test_places_are_parsed(tmp_path):
    """Addresses and networks of both families, each with its port, and shown as they were typed."""
    written = ["127.0.0.1:8080", "10.0.0.0/8:443", "[::1]:80", "[fd00::/8]:8443"]
    loaded = load_text(tmp_path, f"[callbacks]\nallow = {written}\nports = [443, 8443]\n")
    one, network, *_ = loaded.callbacks.allow

    assert settings.describe(loaded)["callbacks"]["allow"] == written
    assert loaded.callbacks.ports == (443, 8443)
    assert one.holds(ip_address("127.0.0.1"), 8080)
    assert not one.holds(ip_address("127.0.0.1"), 8081)
    assert not one.holds(ip_address("127.0.0.2"), 8080)
    assert network.holds(ip_address("10.1.2.3"), 443)


def test_an_amount_is_exact(tmp_path):
    """An amount is a decimal with its currency, never a float."""
    plus = load_text(tmp_path, '[tiers.plus]\nrecharge_over = "0.10 USD"\n').tiers["plus"]

    assert plus.recharge_over == settings.Amount(value=Decimal("0.10"), currency="USD")
    assert str(plus.recharge_over) == "0.10 USD"


def test_seconds_may_have_fractions(tmp_path):
    """A timeout of half a second is half a second."""
    assert load_text(tmp_path, "[upstream]\nconnect_timeout_s = 0.5\n") == load_text(
        tmp_path, "[upstream]\nconnect_timeout_s = 5e-1\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///grip.db",
        "sqlite:////var/lib/grip/grip.db",
        "postgresql://grip@db/grip",
        "postgresql://grip:p%40ss@[::1]:5432/grip?sslmode=require",
        "postgresql:///grip?host=/run/postgresql",
    ],
)
def test_database_urls_of_both_engines_are_accepted(tmp_path, url):
    """A SQLite file or a PostgreSQL database, by name or over a socket."""
    assert load_text(tmp_path, f'[database]\nurl = "{url}"\n').database.url == url


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@h/n",
        "postgres://u:hunter2@h/n",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a.db?mode=hunter2",
        "postgresql://u:hunter2@h",
        "postgresql://u:hunter2@h/",
        "postgresql://u:hunter2/x@h/n",
        "postgresql://u:12/hunter2@h/n",
        "postgresql://u:hunter2#x@h/n",
        "postgresql://u:1?hunter2@h/n",
        "postgresql://u:hunter2[@h/n",
        "postgresql://u:hunter2@h:99999/n",
        "postgresql://u:hunter2℀@h/n",
    ],
)
def test_a_bad_database_url_is_refused_without_its_password(tmp_path, url):
    """Also where the password tears the URL apart, the error does not repeat it."""
    message = refusal(tmp_path, "database", f'url = "{url}"')

    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///grip.db", "sqlite:///grip.db"),
        ("postgresql://u@h/n", "postgresql://u@h/n"),
        ("postgresql:///n?host=/run", "postgresql:///n?host=/run"),
        ("postgresql://u:p%40ss@h:5432/n", "postgresql://u:***@h:5432/n"),
        ("postgresql://u:a:b@c@h/n", "postgresql://u:***@h/n"),
        (
            "postgresql://h/n?user=u&password=p&sslmode=require",
            "postgresql://h/n?user=u&password=***&sslmode=require",
        ),
        ("postgresql:///n?SSLPassword=p", "postgresql:///n?SSLPassword=***"),
    ],
)
def test_describe_masks_the_database_password(tmp_path, url, shown):
    """`grip config show` tells where the books are, not how to open them."""
    loaded = load_text(tmp_path, f'[database]\nurl = "{url}"\n')

    assert settings.describe(loaded)["database"]["url"] == shown
    assert url not in repr(loaded)


@pytest.mark.parametrize(
    "key",
    ["secret_key", "webhook_secret", "api_key", "access_token", "key", "private_cert", "password"],
)
def test_a_payment_secret_must_be_a_reference(tmp_path, key):
    """A secret typed into the file is refused, and not repeated."""
    message = refusal(tmp_path, "payments.stripe", f'{key} = "hunter2"')

    assert "must be a reference to a secret" in message
    assert "hunter2" not in message


def test_other_payment_keys_are_plain_strings(tmp_path):
    """What is no secret is taken as it stands."""
    text = '[payments.stripe]\npublishable_key = "pk_1"\nsecret_key = "env:A"\nmode = ""\n'
    table = {"publishable_key": "pk_1", "secret_key": "env:A", "mode": ""}
    loaded = load_text(tmp_path, text)

    assert dict(loaded.payments["stripe"]) == table
    assert settings.describe(loaded)["payments"] == {"stripe": table}


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://otel.example/v1/traces", "https://otel.example/v1/traces"),
        ("https://otel.example/?Api-Key=hidden&v=1", "https://otel.example/?Api-Key=***&v=1"),
        (
            "https://otel.example/?a=1&access_token=hidden#x",
            "https://otel.example/?a=1&access_token=***#x",
        ),
    ],
)
def test_describe_masks_what_the_query_of_a_link_calls_a_secret(link: str, shown: str):
    """Links are shown by `config show`, and kept in the audit log; the rest stays as it is."""
    loaded = settings.load(environ={"GRIP_TRACES_ENDPOINT": link})

    assert loaded.traces.endpoint == link
    assert settings.describe(loaded)["traces"]["endpoint"] == shown
