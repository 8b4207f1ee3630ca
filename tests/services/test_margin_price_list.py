from pathlib import Path

import pytest

from grip.errors import InvalidRequest
from grip.services import price_list


def test_a_price_list_is_read_in_dollars_as_commands_take_them():
    """With quotes or without, exactly; an empty price takes one away."""
    text = """
    [models.gpt]
    input = "2.50"
    output = 0.1
    per_image = 1
    cached_input = ""
    [models."gpt-4.1"]
    """

    assert price_list.parse(text) == {
        "gpt": {
            "input": 2_500_000,
            "output": 100_000,
            "per_image": 1_000_000_000_000,
            "cached_input": None,
        },
        "gpt-4.1": {},
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no model"),
        ("models = 1", "names no model"),
        ("[models]", "names no model"),
        ("[model.gpt]", "'model' is not known"),
        ("[models]\ngpt = 1", "models.gpt: is no table"),
        ('[models.gpt]\ninptu = "1"', "models.gpt.inptu: is not known"),
        ('[models.gpt-4.1]\ninput = "1"', "a name with dots is quoted"),
        ('[models.gpt]\ninput = "-1"', "models.gpt.input: '-1' is not an amount"),
        ("[models.gpt]\ninput = 1e-3", "models.gpt.input: '1e-3' is not an amount"),
        ("[models.gpt]\ninput = nan", "models.gpt.input: 'nan' is not an amount"),
        ("[models.gpt]\ninput = true", "models.gpt.input: is no price"),
        ("[models.gpt]\ninput = 2026-01-31", "models.gpt.input: is no price"),
        ('[models.gpt]\ninput = "0.0000001"', "finer than one nano-credit"),
        ("[models.gpt", "is no TOML"),
        ("a = " + "[" * 10_000, "is nested too deeply"),
    ],
)
def test_what_no_price_list_says_is_refused_by_name(text: str, why: str):
    """The sentence names the key."""
    with pytest.raises(InvalidRequest, match=why):
        price_list.parse(text)


def test_a_file_that_cannot_be_read_is_refused_with_its_path(tmp_path: Path):
    """It is missing, no text, or no price list."""
    path = tmp_path / "prices.toml"
    with pytest.raises(InvalidRequest, match=r"prices.toml: cannot be read: No such file"):
        price_list.read(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidRequest, match=r"prices.toml: is not UTF-8"):
        price_list.read(path)
    path.write_text("x = 1")
    with pytest.raises(InvalidRequest, match=r"prices.toml: 'x' is not known"):
        price_list.read(path)
