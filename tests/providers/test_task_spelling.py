"""How models spell grip's words, as an operator says it behind the model's name."""

from typing import Any

import pytest

from grip.providers import fal, replicate
from grip.providers.fal.adapter import USUAL
from grip.providers.task_input import TYPES, normalised
from grip.providers.task_spelling import spelling


def _spelt(model: str, kind: str = "image", **asked: Any) -> dict[str, Any]:
    return spelling(model, USUAL[kind]).spelt(normalised(kind, {"prompt": "x", **asked}))


def test_a_name_without_settings_spells_as_most_do():
    """What is priced is sent."""
    assert _spelt("fal-ai/flux/dev", n=2, seed=7) == {
        "prompt": "x",
        "num_images": 2,
        "image_size": {"width": 1024, "height": 1024},
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("settings", "asked", "expected"),
    [
        ("size=aspect_ratio:ratio", {"size": "1536x1024"}, {"aspect_ratio": "3:2"}),
        ("size=w:width_height", {"size": "1536x1024"}, {"width": 1536, "height": 1024}),
        ("size=size", {"size": "1536x1024"}, {"size": "1536x1024"}),
        ("size=", {"size": "1536x1024"}, {}),
        ("size=image_size:object", {"size": "auto"}, {}),
        ("size=&seconds=s", {}, {}),
        ("size=&quality=q", {"quality": "high"}, {"q": "high"}),
        ("size=&images=u:one", {"images": ["https://a", "https://b"]}, {"u": "https://a"}),
        ("size=&images=u", {"images": ["https://a", "https://b"]}, {"u": "https://a"}),
        ("size=&images=u:list", {"images": ["https://a"]}, {"u": ["https://a"]}),
    ],
)
def test_a_setting_says_what_a_model_calls_it(
    settings: str, asked: dict[str, Any], expected: dict[str, Any]
):
    """And in which form."""
    assert _spelt(f"a/b?{settings}", **asked) == {"prompt": "x", "num_images": 1} | expected


def test_a_count_may_be_a_text_or_not_sent_at_all():
    """For the operator to say, who knows what the model makes."""
    assert _spelt("a?size=&prompt=text&n=count:text", n=3) == {"text": "x", "count": "3"}
    assert _spelt("a?size=&n=", n=3) == {"prompt": "x"}


def test_only_what_the_operator_lets_through_goes_along():
    """Else a customer could ask for what costs more than it was priced at."""
    asked: dict[str, Any] = {"seed": 7, "resolution": "4k"}

    assert _spelt("a?size=&n=", **asked) == {"prompt": "x", "seed": 7, "resolution": "4k"}
    assert _spelt("a?size=&n=&rest=seed+style", **asked) == {"prompt": "x", "seed": 7}
    assert _spelt("a?size=&n=&rest=", **asked) == {"prompt": "x"}


def test_seconds_may_be_a_text_of_their_own():
    """As Veo has them."""
    assert _spelt("fal-ai/veo3?seconds=duration:{}s", "video")["duration"] == "4s"
    assert _spelt("a/b?seconds=duration:text", "video", seconds=5)["duration"] == "5"


@pytest.mark.parametrize(
    "model", ["", "?n=x", "a?x=y", "a?n", "a?n=x:y", "a?n=x:{}{}", "a?secs=x", "a" * 500]
)
def test_a_setting_that_means_nothing_is_refused(model: str):
    """When the channel is made, and again when it is used."""
    with pytest.raises(ValueError, match=r"."):
        spelling(model, ())


@pytest.mark.parametrize("usual", [fal.adapter.USUAL, replicate.adapter.USUAL])
def test_every_type_has_a_usual_spelling(usual: Any):
    """What is priced is among it."""
    assert set(usual) == set(TYPES)
    assert "n" in dict(usual["image"])
    assert "seconds" in dict(usual["video"])
    for kind in TYPES:
        spelling("a/b", usual[kind])
