import pytest

FREE = ("--input", "0", "--output", "0")


def test_a_model_is_added_with_its_prices_in_exact_dollars(grip):
    """What was typed comes back, and what was not is null."""
    words = ["--input", "2.50", "--output", "10", "--cached-input", "0.25", "--per-image", "0.04"]
    words += ["--cost-input", "2", "--max-input", "128000", "--max-output", "4096"]
    added = grip("models", "add", "gpt", "--type", "chat", *words, "--json").json

    assert (added["name"], added["type"], added["enabled"]) == ("gpt", "chat", True)
    assert (added["input"], added["output"]) == ("2.5", "10")
    assert (added["cached_input"], added["cache_write"]) == ("0.25", None)
    assert (added["per_image"], added["per_second"]) == ("0.04", None)
    assert (added["cost_input"], added["cost_output"]) == ("2", None)
    assert (added["max_input"], added["max_output"]) == (128_000, 4096)
    assert (added["priced"], added["version"]) == (True, 1)
    assert added["valid_from"].endswith("Z")
    assert grip("models", "show", "gpt", "--json").json == added


def test_a_model_without_a_price_is_shown_as_unpriced(grip):
    """Free is a price of 0 that somebody typed, and unpriced is not free."""
    bare = grip("models", "add", "bare", "--type", "chat")
    free = grip("models", "add", "free", "--type", "chat", *FREE, "--json").json

    assert bare.stdout == "Added bare. It has no price, so calls are refused.\n"
    assert (free["priced"], free["input"]) == (True, "0")
    assert [one["priced"] for one in grip("models", "list", "--json").json] == [True, False]
    assert "unpriced" in grip("models", "list").stdout


def test_a_new_price_is_a_new_version_that_keeps_the_others(grip):
    """An empty price takes it away; a change of another kind makes no version."""
    grip("models", "add", "gpt", "--type", "chat", "--input", "2", "--output", "8")
    dearer = grip("models", "set", "gpt", "--output", "9", "--cost-output", "7", "--json").json
    without = grip("models", "set", "gpt", "--output", "", "--json").json
    same = grip("models", "set", "gpt", "--max-output", "10", "--json").json

    assert (dearer["version"], dearer["input"], dearer["output"]) == (2, "2", "9")
    assert (without["version"], without["output"], without["cost_output"]) == (3, None, "7")
    assert (same["version"], same["max_output"]) == (3, 10)
    assert same["valid_from"] == without["valid_from"]


def test_aliases_and_fallbacks_are_named_in_lists(grip):
    """An empty value takes them away; a model answers to its alias."""
    grip("models", "add", "big", "--type", "chat", "--alias", "b1,b2", "--alias", "b3")
    words = ["--fallback", "b1", "--group", "vip,default"]
    added = grip("models", "add", "small", "--type", "chat", *words, "--json").json

    assert added["fallbacks"] == ["big"]
    assert added["groups"] == ["vip", "default"]
    assert grip("models", "show", "b2", "--json").json["aliases"] == ["b1", "b2", "b3"]
    assert grip("models", "remove", "big").status == 1
    assert grip("models", "set", "small", "--fallback", "", "--json").json["fallbacks"] == []
    assert grip("models", "set", "b3", "--alias", "", "--json").json["aliases"] == []
    assert grip("models", "remove", "big", "--json").json["name"] == "big"


def test_a_model_that_thinks_unseen_is_said_to(grip):
    """A switch that stays as it is where it is not named."""
    plain = grip("models", "add", "plain", "--type", "chat", "--json").json
    said = grip("models", "add", "said", "--type", "chat", "--no-reasoning", "--json").json
    thinks = grip("models", "add", "thinks", "--type", "chat", "--reasoning", "--json").json
    kept = grip("models", "set", "thinks", "--max-output", "10", "--json").json
    ended = grip("models", "set", "thinks", "--no-reasoning", "--json").json
    begun = grip("models", "set", "plain", "--reasoning")

    found = [one["reasoning"] for one in (plain, said, thinks, kept, ended)]
    assert found == [False, False, True, True, False]
    assert begun.stdout == "Changed plain.\n"
    assert grip("models", "show", "plain", "--json").json["reasoning"] is True


def test_a_model_is_disabled_enabled_and_changed_in_type(grip):
    """--disabled adds it unoffered."""
    added = grip("models", "add", "gpt", "--type", "chat", "--disabled")

    assert added.stdout == "Added gpt. It is disabled.\n"
    assert grip("models", "enable", "gpt", "--json").json["enabled"] is True
    assert grip("models", "disable", "gpt").stdout == "gpt is disabled.\n"
    assert grip("models", "enable", "gpt").stdout == "gpt is enabled.\n"
    assert grip("models", "set", "gpt", "--type", "rerank", "--json").json["type"] == "rerank"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["add", "new", "--type", "nothing"], 2),
        (["add", "gpt", "--type", "chat"], 1),
        (["add", "new", "--type", "chat", "--input", "abc"], 2),
        (["add", "new", "--type", "chat", "--input", "-1"], 2),
        (["add", "new", "--type", "chat", "--input", "0.0000001"], 2),
        (["add", "new", "--type", "chat", "--fallback", "nobody"], 2),
        (["set", "gpt"], 2),
        (["set", "gpt", "--max-input", "0"], 2),
        (["set", "nobody", "--input", "1"], 1),
        (["show", "nobody"], 1),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(grip, words: list[str], status: int):
    """Wrong words are 2, a state that does not fit is 1."""
    grip("models", "add", "gpt", "--type", "chat", "--input", "1")
    answer = grip("models", *words)

    assert (answer.status, answer.stdout) == (status, "")
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1
    assert len(grip("models", "list", "--json").json) == 1


def test_half_a_price_is_no_price(grip):
    """Input without output would give the output away, at a zero that nobody typed."""
    half = grip("models", "add", "half", "--type", "chat", "--input", "1")
    whole = grip("models", "set", "half", "--output", "2", "--json").json
    flat = grip("models", "add", "flat", "--type", "chat", "--per-request", "0.01", "--json").json
    vectors = grip("models", "add", "v", "--type", "embedding", "--input", "1", "--json").json

    assert half.stdout == "Added half. Its price is not complete, so calls are refused.\n"
    assert (whole["priced"], flat["priced"], vectors["priced"]) == (True, True, True)


def test_people_read_sentences_and_tables(grip):
    """Prices in force are in the list, one unit after the other."""
    empty = grip("models", "list").stdout
    grip("models", "add", "gpt", "--type", "chat", "--input", "1.5", "--output", "3")

    assert empty == "There are no models yet; add one with: grip models add\n"
    assert "input 1.5, output 3" in grip("models", "list").stdout
    assert "Model gpt" in grip("models", "show", "gpt").stdout
    assert grip("models", "set", "gpt", "--input", "2").stdout == "Changed gpt.\n"
    assert grip("models", "remove", "gpt").stdout == "Removed gpt.\n"
