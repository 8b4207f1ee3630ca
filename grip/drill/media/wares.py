"""What the drill's customers ask for: tasks that go well, and one for each way not to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from grip.money.pricing import Rates

COMPLETED: Final = "completed"
UNKNOWN: Final = "submit_unknown"
"""How any task may end whose worker was killed before its submission had made a job."""

BUSY: Final = "busy"
"""A model whose upstream name begins so is refused twice: `busy503?…` with 503."""

ONCE: Final = "once"
"""A model whose upstream name begins so has links that work once."""

HALF: Final = "half"
"""A model whose upstream name begins so has a link to its second result that never works."""

NOWHERE: Final = ""
"""A channel that leads to a port on which nobody listens."""

EACH_NANO: Final = 4_123_456_789
"""Nano-credits for a picture, a second of film, a character of speech: they leave a carry."""

RATES: Final[Mapping[str, Rates]] = {
    "image": Rates(image_nano=EACH_NANO),
    "video": Rates(second_nano=EACH_NANO),
    "audio": Rates(character_nano=EACH_NANO),
}

_TEXT: Final = "Hello there"
_SECONDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ware:
    """A model for sale: the names that its channels have for it, in order, and how it may end.

    `pictures` of it are asked for; `is_stopped` says that its customer cancels it.
    """

    what: str
    ends: frozenset[str]
    does: tuple[str, ...]
    kind: str = "image"
    pictures: int = 1
    is_stopped: bool = False

    @property
    def wish(self) -> dict[str, Any]:
        """What a customer asks for."""
        if self.kind == "image":
            return {"prompt": _TEXT, "n": self.pictures}
        if self.kind == "video":
            return {"prompt": _TEXT, "seconds": _SECONDS}
        return {"input": _TEXT}

    @property
    def cost_nano(self) -> int:
        """What it costs where it is completed, whatever its upstream says of its use."""
        units = {"image": self.pictures, "video": _SECONDS, "audio": len(_TEXT)}
        return units[self.kind] * EACH_NANO

    @property
    def results(self) -> int:
        """How many results it has where it is completed."""
        return self.pictures


def _well(what: str, *does: str, **terms: Any) -> Ware:
    models = tuple(_named(one) for one in does or ("",))
    return Ware(what=what, does=models, ends=frozenset({COMPLETED}), **terms)


def _badly(what: str, code: str, does: str, **terms: Any) -> Ware:
    return Ware(what=what, does=(_named(does),), ends=frozenset({code}), **terms)


def _named(does: str) -> str:
    if does == NOWHERE or does.startswith((BUSY, ONCE, HALF)):
        return does
    return f"drill?{does}"


WARES: Final = (
    _well("pictures", "delay_s=0.5"),
    _well("several pictures", "delay_s=1", pictures=3),
    _well("films", "delay_s=2", kind="video"),
    Ware(
        what="speech, in little time",
        kind="audio",
        does=("drill?delay_s=1",),
        ends=frozenset({COMPLETED, "timeout"}),
    ),
    _well("a slow upstream", "delay_s=6"),
    _well("usage that is exaggerated", "usage=above"),
    _well("usage that is not told", "usage=none"),
    _well("the answer to a submission is lost", "fail=lost"),
    _well("the answer to a submission is cut off", "fail=cut"),
    _well("the answer to a submission is garbage", "fail=garbage"),
    _badly("a submission is lost", UNKNOWN, "fail=close"),
    _well("upstream is down, then well", f"{BUSY}503?delay_s=0.5"),
    _well("upstream is overloaded, then well", f"{BUSY}429?delay_s=0.5"),
    _well("the first channel is down", "fail=503", "delay_s=0.5"),
    _well("the first channel hides an error in a 200", "fail=error", "delay_s=0.5"),
    _well("the first channel cannot be reached", NOWHERE, "delay_s=0.5"),
    _badly("upstream refuses the request", "submit_rejected", "fail=400"),
    _badly("upstream refuses what is asked for", "content_policy", "fail=blocked"),
    _well("looks find upstream down", "fail=poll_503&delay_s=3"),
    _well("looks find garbage", "fail=poll_garbage&delay_s=3"),
    _well("looks find a word that nobody knows", "fail=poll_unknown&delay_s=3"),
    _well("looks find it back in the queue", "fail=backwards&delay_s=4"),
    _badly("upstream fails", "upstream_failed", "fail=failed"),
    _badly("upstream refuses what came of it", "content_policy", "fail=policy"),
    _badly("upstream cancels", "cancelled", "fail=cancelled"),
    _badly("upstream lets it expire", "expired", "fail=expired"),
    _badly("upstream finishes without a result", "content_policy", "fail=empty"),
    _badly("upstream never finishes", "timeout", "fail=never", kind="audio"),
    _badly("the result is gone", "result_unavailable", "fail=dead_link"),
    _badly("the result is a page", "result_unavailable", "fail=lying_result"),
    _badly("the result breaks off", "result_unavailable", "fail=cut_result", pictures=2),
    _badly("one of two results is gone", "result_unavailable", f"{HALF}?", pictures=2),
    Ware(
        what="results that can be fetched once",
        does=(f"{ONCE}?",),
        ends=frozenset({COMPLETED, "result_unavailable"}),
        pictures=2,
    ),
    _badly("the customer cancels", "cancelled", "delay_s=300", is_stopped=True),
)
"""In the order of the table."""
