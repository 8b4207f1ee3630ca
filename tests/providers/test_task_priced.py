"""What a task is priced at is what its upstream is asked for, with every default, at each vendor.

Reports, by the numbers of the survey of other gateways: 23 (a size that was priced, and another one
that was rendered).
"""

from collections.abc import Mapping
from typing import Any

import pytest

from grip.money.pricing import Usage
from grip.providers.task_adapters import TASK_ADAPTERS
from grip.providers.task_input import TaskInput, normalised
from grip.tasks import units
from tests.providers.task_calls import sent, target, task

ASKED: list[tuple[str, dict[str, Any]]] = [
    ("image", {"prompt": "x"}),
    ("image", {"prompt": "x", "n": 3, "size": "1536x1024"}),
    ("image", {"prompt": "x", "n": None, "size": None, "seed": 7}),
    ("video", {"prompt": "x"}),
    ("video", {"prompt": "x", "seconds": 11, "size": "1920x1080"}),
    ("audio", {"input": "a wombat speaks"}),
    ("audio", {"input": "ünïcödé", "seconds": 9}),
]

Said = Mapping[str, Any]
"""The members of a request."""


def _openai(kind: str, said: Said) -> dict[str, Any]:
    match kind:
        case "image":
            return {"images": said["n"], "size": said["size"]}
        case "video":
            return {"seconds": int(said["seconds"])}
    return {"characters": len(said["input"])}


def _fal(kind: str, said: Said) -> dict[str, Any]:
    match kind:
        case "image":
            edges = said["image_size"]
            return {"images": said["num_images"], "size": f"{edges['width']}x{edges['height']}"}
        case "video":
            return {"seconds": said["duration"]}
    return {"characters": len(said["text"]), "seconds": said.get("duration", 0)}


def _replicate(kind: str, said: Said) -> dict[str, Any]:
    told = said["input"]
    match kind:
        case "image":
            return {"images": told["num_outputs"], "size": f"{told['width']}x{told['height']}"}
        case "video":
            return {"seconds": told["duration"]}
    return {"characters": len(told["text"]), "seconds": told.get("duration", 0)}


def _sandbox(kind: str, said: Said) -> dict[str, Any]:
    return {"images": said["n"]} if kind == "image" else {"seconds": said["seconds"]}


READERS = {"openai": _openai, "fal": _fal, "replicate": _replicate, "sandbox": _sandbox}


def test_every_vendor_is_read():
    """The next one too."""
    assert set(READERS) == set(TASK_ADAPTERS)


def _priced(asked: TaskInput, most: Usage) -> dict[str, Any]:
    """Return what the price rests on, by the words of the readers."""
    return {
        "images": most.images,
        "seconds": most.seconds,
        "characters": most.characters,
        "size": asked.size,
    }


@pytest.mark.parametrize("vendor", sorted(READERS))
@pytest.mark.parametrize(("kind", "given"), ASKED, ids=str)
def test_what_is_priced_is_what_is_asked_for(vendor: str, kind: str, given: dict[str, Any]):
    """Report 23 (LiteLLM#30782): defaults are filled in before both, and once."""
    asked = normalised(kind, given)
    priced = _priced(asked, units.most(asked))
    # What is kept with the task is read again when it is submitted.
    call = task(kind, "owner/model", dict(asked.values))
    body = sent(TASK_ADAPTERS[vendor].submit(call, target("https://api.example.com/v1")))
    told = READERS[vendor](kind, body)
    if vendor == "sandbox" and kind == "audio" and not asked.seconds:
        told = {}  # it makes up a length of its own, which nobody is charged for

    assert told == {name: priced[name] for name in told}
