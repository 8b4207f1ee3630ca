"""`grip explain`: the life of one request, on one page."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from grip.cli import output
from grip.cli.options import AsJson, Config
from grip.cli.output import number, text
from grip.cli.runner import run
from grip.services import explain as service

app = typer.Typer(add_completion=False)

_REASONS = {
    "disabled": "disabled",
    "type": "does not serve this type of model",
    "model_groups": "in no group of the model",
    "route": "its kind cannot answer on this route",
    "key_groups": "in no group that the key may use",
    "tier_groups": "in no group that the tier may use",
    "wallet_groups": "in no group that the wallet's policy allows",
    "wallet_providers": "denied by the wallet's policy",
    "unknown": "there is no such model",
    "price": "has no complete price",
    "key_models": "not on the key's list of models",
}
"""What a word for a channel or a model that cannot serve means."""

_VERDICTS = {
    "served": "served",
    "failed": "asked, and failed",
    "refused": "asked, and refused the request",
    "broke": "began, and broke off",
    "unfinished": "asked, and had not answered",
    "waiting": "would have been next",
    "beyond": "more than may be tried came before it",
}

_CHANNELS = (
    number("place", "order"),
    text("name", "channel"),
    text("kind"),
    text("upstream_model", "there called"),
    number("priority"),
    number("weight"),
    text("told", "what became of it"),
)
_ATTEMPTS = (
    number("number", "attempt"),
    text("channel"),
    text("model"),
    number("begun_ms", "after ms"),
    number("took_ms", "took ms"),
    text("result"),
    text("reason"),
    text("detail"),
)
_LINES = (
    text("unit"),
    number("units"),
    number("rate_nano", "at nano-credits"),
    number("nano", "= nano-credits"),
)


@app.command()
def explain(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The id in x-grip-request-id.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell the life of a request: limits, channels, attempts, hold, usage, charge."""
    told = service.describe(run(config, service.find, request))
    if as_json:
        output.item(told, as_json=True, title="")
        return
    output.item(_summary(told), as_json=False, title=f"Request {told['request_id']}")
    for part in ("key", "limits", "purse", "hold"):
        _part(part, told[part])
    for model in (told["route"] or {}).get("models", []):
        title = f"model {model['model']}: {_why(model['why_not']) or 'its channels'}"
        output.table(title, [_channel(one) for one in model["channels"]], _CHANNELS)
        if not model["channels"]:
            output.page(title, None)
    attempts = [
        {"number": place, **attempt} for place, attempt in enumerate(told["attempts"] or (), 1)
    ]
    output.table("attempts", attempts, _ATTEMPTS)
    _part("usage", told["usage"])
    _charge(told["charge"])
    _part("ledger", told["ledger"])


def _summary(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what comes first: how it ended, and why."""
    parts = ("status", "at", "endpoint", "model", "stream", "wallet_id", "key_id", "ip")
    failure = told["failure"]
    return {
        **{name: told[name] for name in parts},
        "took": f"{told['latency_ms']} ms, first byte after {told['first_byte_ms']} ms",
        **({} if failure is None else {"failed": " ".join(_failure(failure))}),
        "content": told["content"]["state"].replace("_", " "),
        **({"not told": "; ".join(told["missing"])} if told["missing"] else {}),
    }


def _failure(failure: Mapping[str, Any]) -> Iterator[str]:
    if failure["status"] is not None:
        yield f"the upstream said {failure['status']}:"
    yield f"{failure['code']}: {failure['message']}"
    if failure["detail"]:
        yield f"({failure['detail']})"
    yield from (f"{name}={value}" for name, value in failure["facts"].items())


def _part(title: str, part: Mapping[str, Any] | None) -> None:
    if part is not None and any(value not in (None, [], {}) for value in part.values()):
        output.item(part, as_json=False, title=title)


def _channel(channel: Mapping[str, Any]) -> dict[str, Any]:
    sick = channel["sick"]
    told = _why(channel["why_not"]) or _VERDICTS[channel["verdict"]]
    if sick is not None:
        told += f"; sick until {sick['until']}: {sick['reason']}"
    return {**channel, "told": told}


def _why(words: list[str]) -> str:
    return ", ".join(_REASONS.get(word, word) for word in words)


def _charge(charge: Mapping[str, Any] | None) -> None:
    if charge is None:
        return
    version = charge["price_version"]
    output.table(
        f"charge: {charge['model']} at price version {version} ({charge['price_id']})",
        charge["lines"],
        _LINES,
    )
    shown = {
        "sum of the lines": charge["computed_nano"],
        "charged": f"{charge['cost_nano']} nano-credits",
        "agrees": charge["agrees"],
        "drawn": (
            f"carry {charge['carry_before_nano']} + {charge['cost_nano']} = "
            f"{charge['credits']} credits + carry {charge['carry_after_nano']}"
        ),
        "buy cost": charge["buy_cost_nano"],
    }
    if charge["note"]:
        shown["note"] = charge["note"]
    output.item(shown, as_json=False, title="charge")
