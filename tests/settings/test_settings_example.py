"""The commented example and the description of what holds."""

import json
import tomllib
from pathlib import Path

import pytest

from grip import settings
from grip.settings.schema import sections_of

SAMPLES = (
    "# [",
    "# endpoint",
    "# secret_key",
    "# webhook_secret",
    "# groups",
    "# country = ",
    "# rate = ",
)
EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def test_the_example_in_the_repository_is_what_the_program_prints():
    """config.example.toml is never edited by hand; `grip init` writes the same text."""
    assert EXAMPLE.read_text(encoding="utf-8") == settings.render_example()


def test_the_example_loads_back_to_the_defaults():
    """Whoever starts from the example starts from the defaults."""
    assert settings.load(EXAMPLE, {}) == settings.Settings()


def test_the_example_shows_and_explains_every_key():
    """Each key stands in its table with its default, and its documentation above it."""
    text = settings.render_example()
    written = tomllib.loads(text)
    flowing = " ".join(line.lstrip("# ") for line in text.splitlines())
    for name, section in sections_of(settings.Settings).items():
        for key, about in section.keys.items():
            assert about.doc in flowing
            if not section.is_named:
                assert written[name][key] == about.kind.to_toml(about.default)
    assert set(written["tiers"]["max"]) | {"groups"} == set(
        sections_of(settings.Settings)["tiers"].keys
    )


def test_the_commented_parts_of_the_example_are_right_too(tmp_path):
    """Taking the # off the sample tables gives a file that loads."""
    lines = [
        line.removeprefix("# ") if line.startswith(SAMPLES) else line
        for line in settings.render_example().splitlines()
    ]
    path = tmp_path / "grip.toml"
    path.write_text("\n".join(lines), encoding="utf-8")

    loaded = settings.load(path, {})

    assert list(loaded.regions) == ["cn-shanghai"]
    assert list(loaded.payments) == ["stripe"]
    assert [(rule.country, rule.rate) for rule in loaded.taxes.values()] == [("DE", 1900)]
    assert all(tier.groups == ("default",) for tier in loaded.tiers.values())


def test_the_example_fits_the_width_of_a_page():
    """No line is longer than a hundred characters."""
    assert max(map(len, settings.render_example().splitlines())) <= 100


def test_the_description_is_json_of_every_key():
    """`grip config show --json` prints it as it is; no limit is null."""
    described = json.loads(json.dumps(settings.describe(settings.Settings())))

    assert list(described) == list(sections_of(settings.Settings))
    assert described["server"]["port"] == 8000
    assert described["tiers"]["max"] == {
        "qps": 100,
        "tpm": None,
        "members": 8,
        "groups": None,
        "recharge_over": "5000 CNY",
        "invitation_only": False,
    }


@pytest.mark.parametrize("name", ["port", "service", "test", "config"])
def test_no_section_is_named_like_a_variable_of_others(name):
    """Kubernetes sets GRIP_PORT and GRIP_SERVICE_HOST; tests set GRIP_TEST_…."""
    assert name not in sections_of(settings.Settings)
