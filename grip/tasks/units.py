"""What a task is expected to use, and the most that it can: from its checked input alone.

Pure. The same input gives the same units when the task is made, and when nobody else has counted.
"""

from grip.money import estimates, media
from grip.money.pricing import Usage
from grip.providers.task_input import TaskInput


def expected(asked: TaskInput) -> Usage:
    """Return the units near the truth: what is charged where neither upstream nor result tells."""
    return _units(asked, is_bound=False)


def most(asked: TaskInput) -> Usage:
    """Return the units that a hold covers."""
    return _units(asked, is_bound=True)


def _units(asked: TaskInput, *, is_bound: bool) -> Usage:
    text = media.Estimate(*estimates.text_tokens_and_bound(asked.text()))
    if asked.type == "image":
        picture = media.picture_tokens(asked.size, asked.quality)
        output = media.Estimate(picture.near * asked.images, picture.bound * asked.images)
    elif asked.type == "audio":
        output = media.spoken_tokens(text)
    else:
        output = media.Estimate(0, 0)
    return Usage(
        input_tokens=text.bound if is_bound else text.near,
        output_tokens=output.bound if is_bound else output.near,
        images=asked.images,
        seconds=asked.seconds,
        characters=asked.characters,
    )
