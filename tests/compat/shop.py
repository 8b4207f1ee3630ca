"""Models of every kind, each behind an upstream that speaks the wire of that kind."""

from typing import Any

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import channels, models
from tests.compat import anthropic_speech, gemini_speech, openai_speech
from tests.compat.rows import KINDS
from tests.e2e.house import House
from tests.e2e.upstream import Door, Exchange, Script

SPEECHES: dict[str, Script] = {
    "openai": openai_speech.speaks,
    "azure": openai_speech.speaks,
    "anthropic": anthropic_speech.speaks,
    "gemini": gemini_speech.speaks,
}
RATES = Rates(
    input_nano=10 * NANO,
    output_nano=20 * NANO,
    cached_input_nano=NANO,
    cache_write_nano=12 * NANO,
)
TYPES = ("chat", "embedding", "moderation", "rerank")


class Recorded:
    """A script that remembers the bytes of its last answer."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.said = b""

    def __call__(self, exchange: Exchange) -> None:
        self.said = b""
        send = exchange.send

        def keep(data: bytes) -> None:
            self.said += data
            send(data)

        exchange.send = keep  # type: ignore[method-assign]
        self._script(exchange)


def open_shop(house: House) -> dict[str, Door]:
    """Sell models of each type on each kind; return the doors of those that have an upstream."""
    doors = {kind: house.upstream.door(Recorded(speech)) for kind, speech in SPEECHES.items()}
    for kind in KINDS:
        house.do(channels.add, _channel(kind, doors.get(kind)), actor="test")
        for type_ in TYPES:
            draft = models.Draft(
                name=name(kind, type_),
                type=type_,
                sell=_rates(type_),
                groups=[kind],
                max_input=100_000,
            )
            house.do(models.add, draft, actor="test")
    return doors


def name(kind: str, type_: str = "chat") -> str:
    """Return what the model of this type on that kind is called."""
    return f"{kind}-{type_}"


def _channel(kind: str, door: Door | None) -> channels.Draft:
    values: dict[str, Any] = {}
    if door is not None:
        version = "?api-version=2024-10-21" if kind == "azure" else ""
        values = {"base_url": door.url + version, "secret": "env:UPSTREAM_SECRET"}
    return channels.Draft(name=kind, kind=kind, groups=[kind], **values)


def _rates(type_: str) -> Rates:
    return RATES if type_ == "chat" else Rates(input_nano=NANO)
