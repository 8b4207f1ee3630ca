"""Variables: which key each sets, and which are refused or left alone."""

from pathlib import Path

import pytest

from grip import settings
from grip.errors import ConfigurationInvalid
from grip.settings.schema import sections_of


@pytest.fixture
def path(tmp_path):
    """An empty file, so that no other is looked for."""
    file = tmp_path / "grip.toml"
    file.touch()
    return file


def refusal(path: Path, **environ: str) -> str:
    """Return the one line that the variables are refused with."""
    with pytest.raises(ConfigurationInvalid) as refused:
        settings.load(path, environ)
    return str(refused.value)


def test_the_environment_wins_over_the_file(path):
    """A variable replaces what the file says, and only that."""
    path.write_text('[server]\nport = 1\nhost = "::"\n', encoding="utf-8")

    server = settings.load(path, {"GRIP_SERVER_PORT": "2"}).server

    assert (server.port, server.host) == (2, "::")


def test_every_key_of_a_single_table_has_its_variable(path):
    """Whatever the schema holds can be set by GRIP_SECTION_KEY."""
    samples = {
        "url": "postgresql://h/n",
        "terms_url": "https://a",
        "refund_policy_url": "https://a",
    }
    samples |= {"host": "::1", "region": "eu", "trusted_proxies": "10.0.0.0/8, ::1"}
    samples |= {"logging": "off", "level": "DEBUG", "format": "json", "max_body_bytes": "2_048"}
    samples |= {"max_upload_bytes": "4_096", "public_url": "https://a.example"}
    samples |= {"endpoint": "http://127.0.0.1:4318/v1/traces"}
    samples |= {"crash_verdict": "estimated", "metrics_token": "env:A"}
    samples |= {"mode": "proxy", "storage": "s3", "max_bytes": "2_048", "s3_bucket": "films"}
    samples |= {"s3_endpoint": "https://a", "s3_virtual_host": "yes"}
    samples |= {"s3_access_key": "env:A", "s3_secret_key": "cred:b"}
    samples |= {"ports": "443, 8443", "allow": "10.0.0.0/8:8443, [::1]:80"}
    samples |= {"ids": "lenient", "currency": "CNY", "country": "QA", "email": "a@example.com"}
    samples |= {"tax_id": "100-1234", "keep": "8"}
    # A seller is there whole, or not at all.
    path.write_text(
        '[seller]\nname = "A"\naddress = ["B"]\ncity = "C"\ncountry = "AE"\n'
        'registration_id = "D"\n',
        encoding="utf-8",
    )
    for name, section in sections_of(settings.Settings).items():
        for key, about in section.keys.items() if not section.is_named else ():
            text = samples.get(key, "7")
            loaded = settings.load(path, {f"GRIP_{name}_{key}".upper(): text})

            value = getattr(getattr(loaded, name), key)
            assert value == about.kind.from_text(text)
            assert value != about.default


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("QPS", "11", 11),
        ("TPM", "unlimited", None),
        ("MEMBERS", "9", 9),
        ("GROUPS", "fast, slow", ("fast", "slow")),
        ("RECHARGE_OVER", "None", None),
        ("INVITATION_ONLY", "true", True),
    ],
)
def test_a_default_tier_is_changed_by_variables(path, key, text, expected):
    """GRIP_TIERS_PLUS_… sets one key of the tier plus."""
    plus = settings.load(path, {f"GRIP_TIERS_PLUS_{key}": text}).tiers["plus"]

    assert getattr(plus, key.lower()) == expected


def test_a_name_is_matched_by_letters_alone(path):
    """A name with dashes is found by a variable, which can hold none."""
    path.write_text('[regions.cn-Shanghai]\nendpoint = "https://a"\n', encoding="utf-8")

    regions = settings.load(path, {"GRIP_REGIONS_CN_SHANGHAI_ENDPOINT": "https://b"}).regions

    assert dict(regions) == {"cn-Shanghai": settings.Region(endpoint="https://b")}


def test_a_new_name_is_lower_case(path):
    """A name that only the environment knows is taken in lower case."""
    loaded = settings.load(
        path, {"GRIP_REGIONS_US_EAST_ENDPOINT": "https://b", "GRIP_TIERS_TEAM_QPS": "4"}
    )

    assert loaded.regions["us_east"].endpoint == "https://b"
    assert loaded.tiers["team"] == settings.Tier(qps=4)


def test_a_payment_key_belongs_to_the_longest_known_name(path):
    """Where both name and key are free, names of the file come first, else the first word."""
    path.write_text("[payments.wechat-pay]\n[payments.wechat]\n", encoding="utf-8")

    loaded = settings.load(
        path,
        {
            "GRIP_PAYMENTS_WECHAT_PAY_API_KEY": "env:A",
            "GRIP_PAYMENTS_WECHAT_MODE": "live",
            "GRIP_PAYMENTS_STRIPE_WEBHOOK_SECRET": "cred:b",
        },
    )

    assert {name: dict(table) for name, table in loaded.payments.items()} == {
        "wechat-pay": {"api_key": "env:A"},
        "wechat": {"mode": "live"},
        "stripe": {"webhook_secret": "cred:b"},
    }


@pytest.mark.parametrize(
    ("variable", "rest"),
    [
        ("GRIP_SERVER_PROT", "[server]; did you mean GRIP_SERVER_PORT?"),
        ("GRIP_SERVER_port", "[server]; did you mean GRIP_SERVER_PORT?"),
        ("GRIP_TIERS_PLUS_QSP", "[tiers]; did you mean GRIP_TIERS_PLUS_QPS?"),
        ("GRIP_TIERS_QPS", "[tiers]; did you mean GRIP_TIERS_PRO_QPS?"),
        ("GRIP_LOG", "[log]; did you mean GRIP_LOG_LEVEL?"),
        ("GRIP_PAYMENTS_STRIPE", "[payments]"),
        ("GRIP_REGIONS__ENDPOINT", "[regions]"),
    ],
)
def test_an_unknown_key_of_a_known_section_names_the_variable(path, variable, rest):
    """A mistyped variable stops the start instead of being ignored."""
    message = refusal(path, **{variable: "1"})

    assert message == f"{variable}: unknown key of {rest}"


def test_variables_of_others_are_left_alone(path):
    """What a test run, Kubernetes or a shell sets under the same prefix changes nothing."""
    environ = {
        "GRIP_PORT": "tcp://10.0.0.1:8000",
        "GRIP_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "GRIP_SERVICE_HOST": "10.0.0.1",
        "GRIP_TEST_POSTGRES": "1",
        "GRIP": "1",
        "grip_server_port": "1",
        "GRIP_server_port": "1",
        "SERVER_PORT": "1",
    }

    assert settings.load(path, environ) == settings.Settings()


def test_a_bad_value_names_the_key_and_the_variable_but_not_the_value(path):
    """Whoever reads the error knows where to look; what was typed stays out of the log."""
    message = refusal(path, GRIP_SERVER_PORT="hunter2")

    assert message == (
        "server.port (from GRIP_SERVER_PORT): must be a whole number from 0 to 65535"
    )


@pytest.mark.parametrize("text", ["", " ", "1.0", "0x1", "1__0", "9" * 5000, "٣", "true"])
def test_only_plain_digits_are_a_number(path, text):
    """Numbers are written as in TOML, without the liberties of a programming language."""
    assert "must be a whole number" in refusal(path, GRIP_SERVER_WORKERS=text)


@pytest.mark.parametrize("text", ["", "1e3", "nan", "inf", "-1", "0", "86401", ".5"])
def test_only_plain_decimals_are_seconds(path, text):
    """Durations are above zero, finite and written out."""
    assert "must be a number of seconds" in refusal(path, GRIP_UPSTREAM_CONNECT_TIMEOUT_S=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("TRUE", True), (" yes ", True), ("1", True), ("off", False), ("0", False)],
)
def test_the_usual_words_are_true_or_false(path, text, expected):
    """A variable may say true, yes, on and 1, or their opposites, in either case."""
    assert settings.load(path, {"GRIP_CONTENT_LOGGING": text}).content.logging is expected


def test_other_words_are_neither_true_nor_false(path):
    """A word that could mean either is refused, not guessed."""
    assert refusal(path, GRIP_CONTENT_LOGGING="2").endswith("must be true or false")


def test_an_empty_list_can_be_set(path):
    """An empty variable empties a list of the file."""
    path.write_text('[server]\ntrusted_proxies = ["10.0.0.1"]\n', encoding="utf-8")

    assert settings.load(path, {"GRIP_SERVER_TRUSTED_PROXIES": ""}).server.trusted_proxies == ()


def test_two_variables_for_one_key_are_refused(path):
    """Neither of them wins by accident."""
    message = refusal(path, GRIP_TIERS_PLUS_QPS="1", GRIP_TIERS_plus_QPS="2")

    assert message == "tiers.plus.qps: set by both GRIP_TIERS_PLUS_QPS and GRIP_TIERS_plus_QPS"


def test_names_that_variables_cannot_tell_apart_are_refused(path):
    """Two regions that differ only in a dash would be one to the environment."""
    message = refusal(
        path,
        **{"GRIP_REGIONS_A-B_ENDPOINT": "https://a", "GRIP_REGIONS_A_B_ENDPOINT": "https://b"},
    )

    assert message.startswith("regions.a_b: differs from regions.a-b only in case or dashes")


def test_the_process_environment_is_read_by_default(path, monkeypatch):
    """Without a mapping of its own, `load` reads the variables of the process."""
    monkeypatch.setenv("GRIP_SERVER_PORT", "4321")

    assert settings.load(path).server.port == 4321


def test_keys_that_are_free_are_currencies_in_exchange(path):
    """Each rate has its variable; what is no currency is refused."""
    loaded = settings.load(path, {"GRIP_EXCHANGE_EUR": "1.16", "GRIP_EXCHANGE_CNY": "0.139"})

    assert loaded.exchange == {"CNY": "0.139", "EUR": "1.16"}
    assert "GRIP_EXCHANGE_EURO: unknown key" in refusal(path, GRIP_EXCHANGE_EURO="1")
    assert "exchange.EUR (from GRIP_EXCHANGE_EUR): " in refusal(path, GRIP_EXCHANGE_EUR="1e3")


def test_lines_of_an_address_are_lines_of_the_variable(path):
    """They may hold commas."""
    path.write_text(
        '[seller]\nname = "A"\ncity = "C"\ncountry = "AE"\nregistration_id = "D"\n',
        encoding="utf-8",
    )
    loaded = settings.load(path, {"GRIP_SELLER_ADDRESS": "Floor 2, East\n12 Main Street\n"})

    assert loaded.seller.address == ("Floor 2, East", "12 Main Street")
