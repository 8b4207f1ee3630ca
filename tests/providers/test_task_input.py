"""What a customer may ask of a task, and what is filled in before it has a price."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.errors import InvalidRequest
from grip.providers.task_input import (
    DEFAULTS,
    MAX_IMAGES,
    MAX_SECONDS,
    TYPES,
    TaskInput,
    normalised,
)
from tests.providers.task_calls import INPUTS

NO_COUNTS: tuple[Any, ...] = (
    *(0, -1, -(10**30), 10**30, 2**63, 1.0, 1.5, -0.5, float("inf"), float("nan")),
    *("4", "", "-2", True, False, [], [4], {}, {"seconds": 4}),
)


def _refusal(kind: str, input: Any) -> InvalidRequest:  # noqa: A002
    with pytest.raises(InvalidRequest) as refused:
        normalised(kind, input)
    return refused.value


@pytest.mark.parametrize("value", [*NO_COUNTS, MAX_IMAGES + 1])
def test_report_25_a_number_of_images_is_a_small_whole_number(value: Any):
    """Negative, huge, fractional, a text or a boolean is refused by its name."""
    assert _refusal("image", {"prompt": "x", "n": value}).param == "n"


@pytest.mark.parametrize("value", [*NO_COUNTS, MAX_SECONDS + 1])
@pytest.mark.parametrize("kind", ["video", "audio"])
def test_report_25_a_length_is_a_small_whole_number_of_seconds(kind: str, value: Any):
    """The same: no hold is ever negative, or beyond what anything costs."""
    assert _refusal(kind, {"prompt": "x", "seconds": value}).param == "seconds"


@pytest.mark.parametrize(
    "value",
    [
        *("0x1024", "1024x0", "-1x1", "1024", "1024x", "x1024", "1024X1024", "1024x1024x2"),
        *(
            "99999x1",
            "16385x16384",
            "1e3x1e3",
            " 1024x1024",
            "1024x1024\n",
            "\u0661\u0660x\u0661\u0660",
            "1.5x2",
        ),
        *(2048, 1024.5, True, [1024, 1024], {"width": 1}, ""),
    ],
)
def test_report_25_a_size_is_two_edges(value: Any):
    """Anything else is refused by its name."""
    assert _refusal("image", {"prompt": "x", "size": value}).param == "size"


def test_report_23_what_is_not_said_is_filled_in_before_it_is_priced():
    """The same values are counted and kept, and so they are sent."""
    image, video = (normalised(kind, {"prompt": "x"}) for kind in ("image", "video"))

    assert (image.images, image.size, image.quality) == (1, "1024x1024", "auto")
    assert dict(image.values) == {"prompt": "x", **DEFAULTS["image"]}
    assert video.seconds == video.values["seconds"] == 4


def test_null_is_not_said():
    """As in OpenAI's API."""
    asked = normalised("image", {"prompt": "x", "n": None, "size": None, "style": None})

    assert dict(asked.values) == {"prompt": "x", **DEFAULTS["image"]}


def test_speech_is_counted_by_its_characters():
    """As many as the text has, whatever they are."""
    asked = normalised("audio", {"input": "Grüße 🦘", "voice": "alloy"})

    assert (asked.characters, asked.seconds, asked.images) == (7, 0, 0)
    assert asked.units == {"character_nano", "input_nano", "output_nano", "request_nano"}


def test_what_cannot_be_counted_cannot_be_priced_by():
    """Speech has no seconds before it is spoken, music has no characters, a video no tokens."""
    music = normalised("audio", {"prompt": "a waltz", "seconds": 30})
    video = normalised("video", {"prompt": "x", "seconds": 8})

    assert music.units == {"second_nano", "input_nano", "output_nano", "request_nano"}
    assert video.units == {"second_nano", "request_nano"}


@pytest.mark.parametrize(
    ("kind", "input", "param"),
    [
        ("image", {}, "prompt"),
        ("image", {"prompt": ""}, "prompt"),
        ("image", {"prompt": ["x"]}, "prompt"),
        ("image", {"prompt": "x", "seconds": 4}, "seconds"),
        ("image", {"prompt": "x", "input": "x"}, "input"),
        ("image", {"prompt": "x", "quality": 3}, "quality"),
        ("image", {"prompt": "x", "quality": "hd\n"}, "quality"),
        ("video", {}, "prompt"),
        ("video", {"prompt": "x", "n": 2}, "n"),
        ("video", {"prompt": "x", "voice": "alloy"}, "voice"),
        ("audio", {}, "prompt"),
        ("audio", {"input": "x", "n": 2}, "n"),
        ("audio", {"input": "x" * 100_001}, "input"),
        ("audio", {"input": "x", "size": "1x1"}, "size"),
        ("audio", {"input": "x", "voice": {"id": "x"}}, "voice"),
        ("image", ["prompt"], "input"),
        ("image", "prompt", "input"),
        ("image", {"prompt": "x", "": 1}, "input"),
        ("image", {"prompt": "x", **{f"x{at}": 1 for at in range(100)}}, "input"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(kind: str, input: Any, param: str):  # noqa: A002
    """With a sentence."""
    refused = _refusal(kind, input)

    assert refused.param == param
    assert refused.message.startswith(f"{param}: ")


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "gopher://x", "ftp://x/y", "//x", "x.png", "", 3),
        *("data:text/html,x", "https://x/ y", "https://x/\n", "https://" + "x" * 2_048, None),
    ],
)
def test_pictures_to_start_from_are_addresses_or_their_bytes(url: Any):
    """Nothing else is handed to a vendor to be fetched."""
    assert _refusal("video", {"prompt": "x", "images": [url]}).param == "images"


def test_one_picture_may_be_said_alone():
    """As a list of one; both words at once are one too many."""
    one = normalised("video", {"image": "https://x/y.png"})
    both = {"prompt": "x", "image": "https://x/y.png", "images": ["https://x/y.png"]}

    assert one.values["images"] == ["https://x/y.png"]
    assert "image" not in one.values
    assert _refusal("video", both).param == "image"
    assert _refusal("video", {"images": ["https://x"] * 17}).param == "images"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        *[(name, "n") for name in ("num_images", "num_outputs", "numberOfImages", "batch_size")],
        *[(name, "seconds") for name in ("duration", "num_frames", "durationSeconds", "length")],
        *[(name, "size") for name in ("image_size", "width", "Height")],
    ],
)
def test_report_23_a_vendors_word_for_what_is_priced_does_not_pass_by(name: str, word: str):
    """It would be made, and not charged; grip's own word is named instead."""
    refused = _refusal("image", {"prompt": "x", name: 4})

    assert refused.param == name
    assert f"as {word}," in refused.message


@pytest.mark.parametrize("name", ["N", "Seconds", "SIZE", "Prompt", "im_ages"])
def test_a_word_in_other_letters_is_refused(name: str):
    """A vendor might read it all the same."""
    assert _refusal("image", {"prompt": "x", name: 1}).param == name


@pytest.mark.parametrize(
    "name",
    [
        *("callback_url", "callback", "callbackUrl", "CALLBACK-URL", "webhook", "webhook_url"),
        *("fal_webhook", "webhook_events_filter", "webhook_completed", "notify_hook", "notifyUrl"),
        *("service_tier", "serviceTier", "execution_expires_after", "sync_mode", "api_key"),
        *("stream", "stream_format", "model", "version", "metadata", "extra_body", "priority"),
    ],
)
def test_what_would_call_somebody_or_change_the_bill_is_left_out(name: str):
    """By any spelling; a customer may send it, and it does nothing."""
    asked = normalised("video", {"prompt": "x", name: "https://evil.example"})

    assert dict(asked.values) == {"prompt": "x", "seconds": 4}


def test_what_grip_has_no_word_for_goes_along():
    """As it came."""
    extra = {"seed": 7, "negative_prompt": "rain", "loras": [{"path": "x", "scale": 0.5}]}
    asked = normalised("image", {"prompt": "x", **extra})

    assert asked.rest() == extra
    assert asked.text() == "x"


def test_depths_have_an_end():
    """So that no encoder does."""
    deep: Any = 1
    for _ in range(2_000):
        deep = [deep]

    assert _refusal("image", {"prompt": "x", "seed": deep}).param == "seed"


@pytest.mark.parametrize(("name", "value"), [("prompt", "\ud83d"), ("x", "\ud83d")])
def test_what_cannot_be_written_as_json_is_refused(name: str, value: Any):
    """Before it is priced, rather than by the worker that would send it."""
    assert _refusal("image", {"prompt": "x", name: value}).param == name


def _asked(kind: str, input: Any) -> TaskInput | str:  # noqa: A002
    """Return the input, or the name of what was refused."""
    try:
        return normalised(kind, input)
    except InvalidRequest as refused:
        return refused.param or ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
names = st.sampled_from(
    ["prompt", "input", "n", "seconds", "size", "quality", "voice", "image", "images", "webhook"]
) | st.text(max_size=12)


@given(
    kind=st.sampled_from(TYPES), input=st.dictionaries(names, json_values, max_size=6) | json_values
)
def test_any_input_is_refused_by_name_or_means_the_same_again(kind: str, input: Any):  # noqa: A002
    """What was kept is read back as what was priced; no count is ever negative or without end."""
    asked = _asked(kind, input)
    if isinstance(asked, str):
        assert asked
        return

    assert normalised(kind, asked.values) == asked
    assert 0 <= asked.images <= MAX_IMAGES
    assert 0 <= asked.seconds <= MAX_SECONDS
    assert msgspec.json.encode(asked.values)


@given(extra=st.dictionaries(names, json_values, max_size=3), kind=st.sampled_from(TYPES))
def test_what_is_kept_holds_no_word_that_calls(kind: str, extra: dict[str, Any]):
    """Whatever else is sent."""
    asked = _asked(kind, {**extra, **INPUTS[kind]})

    assert isinstance(asked, str) or "webhook" not in asked.values
