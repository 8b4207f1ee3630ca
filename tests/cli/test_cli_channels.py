import pytest

from grip.providers.kinds import TYPES

KEYS = ["id", "name", "kind", "group", "priority", "weight", "types", "region", "enabled", "health"]


def test_a_channel_is_added_with_what_its_kind_says(grip):
    """Group, types and address come untold; the secret stays a reference."""
    added = grip(
        "channels", "add", "main", "--kind", "openai", "--secret", "env:KEY", "--json"
    ).json

    assert list(added)[:10] == KEYS
    assert added["id"].startswith("ch_")
    assert added["group"] == ["default"]
    assert added["types"] == list(TYPES)
    assert added["base_url"] == "https://api.openai.com/v1"
    assert (added["priority"], added["weight"]) == (0, 1)
    assert (added["enabled"], added["health"]) == (True, "ok")
    assert added["secret"] == "env:KEY"
    assert added["connect_timeout_s"] is None
    assert added["hang_up"] == "drain"


def test_every_option_of_a_channel_is_taken(grip):
    """Lists are repeated or have commas, timeouts may have fractions."""
    words = ["--base-url", "http://127.0.0.1:9/v1/", "--group", "a", "--group", "b,c"]
    words += ["--priority", "-3", "--weight", "7", "--types", "chat,image", "--region", "eu-1"]
    words += ["--map", "gpt=gpt-5", "--map", "x=y=z", "--connect-timeout", "2"]
    words += ["--first-byte-timeout", "0.5", "--chunk-timeout", "1.25", "--total-timeout", "60"]
    words += ["--hang-up", "stop"]
    added = grip("channels", "add", "main", "--kind", "openai", *words, "--json").json

    assert added["base_url"] == "http://127.0.0.1:9/v1"
    assert added["group"] == ["a", "b", "c"]
    assert (added["priority"], added["weight"]) == (-3, 7)
    assert (added["types"], added["region"]) == (["chat", "image"], "eu-1")
    assert added["map"] == {"gpt": "gpt-5", "x": "y=z"}
    assert added["connect_timeout_s"] == 2
    assert added["first_byte_timeout_s"] == 0.5
    assert added["chunk_timeout_s"] == 1.25
    assert added["total_timeout_s"] == 60
    assert added["hang_up"] == "stop"
    assert grip("channels", "show", "main", "--json").json == added


def test_channels_are_listed_newest_first(grip):
    """By id or by name, a channel is the same."""
    first = grip("channels", "add", "one", "--kind", "sandbox", "--json").json
    second = grip("channels", "add", "two", "--kind", "sandbox", "--json").json

    assert grip("channels", "list", "--json").json == [second, first]
    assert grip("channels", "show", first["id"], "--json").json == first


def test_a_channel_is_changed_only_where_told(grip):
    """An empty value goes back to the default."""
    words = ["--secret", "env:KEY", "--map", "a=b", "--chunk-timeout", "5", "--region", "eu"]
    added = grip("channels", "add", "one", "--kind", "openai", *words, "--json").json
    changed = grip("channels", "set", "one", "--weight", "2", "--name", "two", "--json").json
    words = ["--secret", "", "--map", "", "--chunk-timeout", "", "--region", "", "--base-url", ""]
    cleared = grip("channels", "set", "two", *words, "--json").json

    assert changed == {**added, "weight": 2, "name": "two"}
    assert cleared == {
        **changed,
        "secret": None,
        "map": {},
        "chunk_timeout_s": None,
        "region": "",
    }


def test_what_a_hang_up_does_is_changed_and_goes_back(grip):
    """A stream is drained, or stopped; each change is audited."""
    grip("channels", "add", "one", "--kind", "sandbox", "--hang-up", "drain")
    stops = grip("channels", "set", "one", "--hang-up", "stop", "--json").json
    same = grip("channels", "set", "one", "--weight", "2", "--json").json
    back = grip("channels", "set", "one", "--hang-up", "", "--json").json

    assert [one["hang_up"] for one in (stops, same, back)] == ["stop", "stop", "drain"]
    assert "stop" in grip("channels", "set", "one", "--hang-up", "stop", "--json").stdout
    changes = [
        (one["before"], one["after"])
        for one in grip("audit", "list", "--json").json
        if "hang_up" in one["after"] and one["action"] == "channel.set"
    ]
    assert changes == [
        ({"hang_up": "drain"}, {"hang_up": "stop"}),
        ({"hang_up": "stop"}, {"hang_up": "drain"}),
        ({"hang_up": "drain"}, {"hang_up": "stop"}),
    ]


def test_a_channel_is_disabled_enabled_and_removed(grip):
    """Each command answers with the channel as it is then, or was."""
    grip("channels", "add", "one", "--kind", "sandbox")

    assert grip("channels", "disable", "one", "--json").json["enabled"] is False
    assert grip("channels", "enable", "one", "--json").json["enabled"] is True
    assert grip("channels", "remove", "one", "--json").json["name"] == "one"
    assert grip("channels", "list", "--json").json == []


def test_a_secret_given_as_a_value_is_refused_and_not_repeated(grip):
    """Whoever pastes a key by mistake does not see it in a log."""
    answer = grip("channels", "add", "one", "--kind", "openai", "--secret", "sk-live-abc")

    assert answer.status == 2
    assert answer.stderr.startswith("error: invalid_request_error: secret: ")
    assert "sk-live-abc" not in answer.stderr
    assert grip("channels", "list", "--json").json == []


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["add", "two", "--kind", "nothing"], 2),
        (["add", "one", "--kind", "sandbox"], 1),
        (["set", "one"], 2),
        (["set", "one", "--connect-timeout", "0"], 2),
        (["set", "one", "--map", "a"], 2),
        (["set", "one", "--hang-up", "wait"], 2),
        (["add", "two", "--kind", "sandbox", "--hang-up", "DRAIN"], 2),
        (["set", "nobody", "--weight", "2"], 1),
        (["show", "nobody"], 1),
        (["remove", "nobody"], 1),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(grip, words: list[str], status: int):
    """Wrong words are 2, a state that does not fit is 1."""
    grip("channels", "add", "one", "--kind", "sandbox")
    answer = grip("channels", *words)

    assert (answer.status, answer.stdout) == (status, "")
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1


def test_people_read_sentences_and_tables(grip):
    """Without --json, each command says what it did."""
    empty = grip("channels", "list").stdout
    added = grip("channels", "add", "one", "--kind", "sandbox").stdout

    assert empty == "There are no channels yet; add one with: grip channels add\n"
    assert added.startswith("Added one (ch_")
    assert "one" in grip("channels", "list").stdout
    assert "Channel one" in grip("channels", "show", "one").stdout
    assert "Changed one" in grip("channels", "set", "one", "--weight", "2").stdout
    assert grip("channels", "disable", "one").stdout == "one is disabled.\n"
    assert grip("channels", "enable", "one").stdout == "one is enabled.\n"
    assert grip("channels", "remove", "one").stdout.startswith("Removed one (ch_")


def test_a_channel_is_tested_by_a_real_call_that_charges_nobody(grip):
    """The sandbox answers; what it was told to fail with is told, with status 1."""
    grip("channels", "add", "one", "--kind", "sandbox")
    unsold = grip("channels", "test", "one", "--json").error
    grip("models", "add", "m", "--type", "chat", "--input", "1", "--output", "1")
    answered = grip("channels", "test", "one", "--json").json
    grip("channels", "set", "one", "--map", "m=m?fail=503")
    failed = grip("channels", "test", "one")

    assert unsold["code"] == "invalid_request_error"
    assert (answered["ok"], answered["model"], answered["upstream_model"]) == (True, "m", "m")
    assert failed.status == 1
    assert failed.stderr.startswith("error: channel_failed: status_503")
    assert grip("usage", "list", "--json").json == []


def test_a_channel_is_tested_with_the_model_that_is_named(grip):
    """An embedding model is asked for an embedding; one that is not there is refused."""
    grip("channels", "add", "one", "--kind", "sandbox")
    grip("models", "add", "e", "--type", "embedding", "--input", "1")

    assert grip("channels", "test", "one", "--model", "e", "--json").json["model"] == "e"
    assert grip("channels", "test", "one", "--model", "x").status == 2


@pytest.mark.parametrize("kind", ["fal", "replicate"])
def test_a_channel_that_only_takes_tasks_cannot_be_tested_at_once(grip, kind: str):
    """It has an address of its kind; a call that it cannot answer is refused, not made."""
    added = grip("channels", "add", "one", "--kind", kind, "--json").json
    grip("models", "add", "m", "--type", "chat", "--input", "1", "--output", "1")
    grip("models", "add", "film", "--type", "video", "--per-second", "0.1")

    assert added["types"] == ["image", "audio", "video"]
    assert added["base_url"].startswith("https://")
    for words in ((), ("--model", "m"), ("--model", "film")):
        refused = grip("channels", "test", "one", *words)
        assert refused.status == 2
        assert refused.stderr.startswith("error: invalid_request_error")


def test_a_channels_cost_of_a_model_is_set_and_shown(grip):
    """In US dollars; an empty value takes it away, and the model's own cost holds."""
    grip("channels", "add", "main", "--kind", "openai")
    grip(
        "models",
        "add",
        "gpt",
        "--type",
        "chat",
        "--input",
        "5",
        "--output",
        "9",
        "--cost-input",
        "2",
    )
    usual = grip("channels", "cost", "main", "gpt", "--json").json
    own = grip("channels", "cost", "main", "gpt", "--input", "1.5", "--json").json
    again = grip("channels", "cost", "main", "gpt", "--input", "", "--json").json

    assert list(usual)[:4] == ["channel", "model", "own", "input"]
    assert (usual["own"], usual["input"], usual["output"]) == (False, "2", None)
    assert (own["own"], own["input"], own["output"]) == (True, "1.5", None)
    assert again == usual


def test_a_preset_fills_in_what_is_known_of_a_vendor(grip):
    """Kind, address and types; what is typed counts more."""
    added = grip("channels", "add", "a", "--preset", "groq", "--json").json
    own = grip("channels", "add", "b", "--preset", "groq", "--types", "chat,audio", "--json").json

    assert (added["kind"], added["base_url"]) == ("openai", "https://api.groq.com/openai/v1")
    assert "chat" in added["types"]
    assert own["types"] == ["chat", "audio"]


@pytest.mark.parametrize("words", [["--preset", "nobody"], []])
def test_a_channel_without_a_kind_or_a_known_preset_is_refused(grip, words):
    """The error names what there is."""
    done = grip("channels", "add", "a", *words)

    assert "--preset" in done.stderr


def test_an_azure_channel_needs_the_address_of_its_resource(grip):
    """With a version, or in the form that needs none."""
    url = "https://x.openai.azure.com?api-version=2024-10-21"
    added = grip("channels", "add", "a", "--kind", "azure", "--base-url", url, "--json").json
    done = grip(
        *("channels", "add", "b", "--kind", "azure", "--base-url", "https://x.openai.azure.com")
    )

    assert added["base_url"] == url
    assert "api-version" in done.stderr
