"""Presets: what an operator need not type for a well-known vendor."""

from urllib.parse import urlsplit

import pytest

from grip import settings
from grip.providers.kinds import KINDS
from grip.providers.openai.dialects import COMMON, OPENAI, dialect
from grip.providers.presets import PRESETS, Preset, preset


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_channel_that_could_be_added(name: str):
    """Its kind knows its types, and its address and its secret are well-formed."""
    found = preset(name)
    kind = KINDS[found.kind]
    parts = urlsplit(found.base_url)

    assert set(found.types) <= set(kind.types)
    assert found.types
    assert parts.scheme == ("https" if found.needs_secret else "http")
    assert parts.hostname
    assert not found.base_url.endswith("/")
    assert not parts.query
    assert found.source
    if found.secret is not None:
        settings.check_secret_reference(found.secret)


@pytest.mark.parametrize("name", PRESETS)
def test_a_name_is_typed_without_quotes(name: str):
    """In a shell."""
    assert name == name.lower()
    assert name.replace("-", "").isalnum()


def test_no_two_presets_lead_to_the_same_place():
    """One vendor has one name for each of its addresses."""
    assert len({found.base_url for found in PRESETS.values()}) == len(PRESETS)


def test_an_unknown_name_has_no_preset():
    """The command line says which there are."""
    with pytest.raises(KeyError):
        preset("nobody")


def test_servers_at_home_need_no_secret():
    """All others do."""
    homes = {name for name, found in PRESETS.items() if not found.needs_secret}

    assert homes == {"ollama", "vllm", "lmstudio", "llamacpp"}


def test_a_vendor_is_spoken_to_as_its_address_says():
    """A preset has no flags that a channel without one would lack."""
    spoken = {name: dialect(found.base_url) for name, found in PRESETS.items()}

    assert spoken["openai"] == OPENAI
    assert spoken["deepseek"].thoughts == spoken["moonshot-cn"].thoughts == "reasoning_content"
    assert spoken["zai"] == spoken["zhipu"]
    assert not spoken["mistral"].is_asked
    assert spoken["groq"] == spoken["vllm"] == COMMON


def test_a_preset_fills_in_a_kind_of_channel():
    """OpenAI's, unless it says otherwise."""
    assert Preset(base_url="https://x", types=("chat",), source="x").kind == "openai"
