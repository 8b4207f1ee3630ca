"""`grip channels`: the upstream accounts that requests are sent to."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from grip.cli import output, parse
from grip.cli.options import Actor, AsJson, Config, Remark
from grip.cli.output import number, text
from grip.cli.prices import COST_OPTIONS, sell_rates
from grip.cli.runner import run
from grip.cli.sharing import Given, several, takes, words
from grip.errors import InvalidRequest
from grip.providers import presets
from grip.providers.kinds import KINDS, TYPES
from grip.providers.presets import PRESETS, Preset
from grip.services import channel_costs, channels
from grip.services.channels import Draft, describe
from grip.services.context import Context

app = typer.Typer(help="Upstream accounts that requests are sent to.")

_COLUMNS = (
    text("name"),
    text("kind"),
    text("group"),
    text("types"),
    number("priority"),
    number("weight"),
    text("enabled"),
    text("health"),
)

Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's id or name.")]
Kind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help=f"One of {', '.join(KINDS)}.")
]


def _whole(name: str, line: str) -> Any:
    return Annotated[int | None, typer.Option(name, metavar="N", help=line)]


_OPTIONS = {
    "base_url": words("--base-url", "URL", "The API's address, with its /v1; else the kind's."),
    "secret": words("--secret", "REF", "Where the key is: env:NAME, file:/path or cred:NAME."),
    "groups": several("--group", "G", "A group it serves; repeat for more. Else default."),
    "priority": _whole("--priority", "Higher is tried first. Else 0."),
    "weight": _whole("--weight", "Its share among those of its priority. Else 1."),
    "types": several("--types", "TYPES", f"What it serves, of {', '.join(TYPES)}."),
    "model_map": several("--map", "MODEL=UPSTREAM", "The upstream's name of a model; repeat."),
    "region": words("--region", "R", "The region it is preferred in."),
    "connect_timeout_ms": words("--connect-timeout", "S", "Seconds to connect."),
    "first_byte_timeout_ms": words("--first-byte-timeout", "S", "Seconds to the first byte."),
    "chunk_timeout_ms": words("--chunk-timeout", "S", "Seconds between two chunks of a stream."),
    "total_timeout_ms": words("--total-timeout", "S", "Seconds for the whole call."),
    "drains": words("--hang-up", "WHAT", "When a client leaves: drain its stream, or stop it."),
}

_PARSERS: dict[str, Callable[[Any], Any]] = {
    "base_url": lambda words: words or None,
    "secret": lambda words: words or None,
    "groups": parse.several,
    "types": lambda words: parse.several(words) or None,
    "model_map": lambda words: parse.mapping(words, "--map"),
    "connect_timeout_ms": lambda words: parse.milliseconds(words, "--connect-timeout"),
    "first_byte_timeout_ms": lambda words: parse.milliseconds(words, "--first-byte-timeout"),
    "chunk_timeout_ms": lambda words: parse.milliseconds(words, "--chunk-timeout"),
    "total_timeout_ms": lambda words: parse.milliseconds(words, "--total-timeout"),
    "drains": lambda words: parse.choice(words, "--hang-up", ("drain", "stop")) == "drain",
}


@app.command()
@takes(_OPTIONS)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How people call it.")],
    given: Given,
    kind: Kind = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="VENDOR", help=f"Kind, address and types of: {', '.join(PRESETS)}."),
    ] = None,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add a channel: an upstream account that requests may be sent to."""
    values = _parsed(given)
    if preset is not None:
        vendor = _preset(preset)
        kind = kind or vendor.kind
        values = {"base_url": vendor.base_url, "types": list(vendor.types), **values}
    if kind is None:
        raise typer.BadParameter("--kind: say what kind of channel it is, or name a --preset")
    draft = Draft(name=name, kind=kind, **values)
    added = run(config, channels.add, draft, actor=actor, reason=reason)
    output.done(describe(added), f"Added {added.name} ({added.id}).", as_json=as_json)


@app.command("list")
def list_channels(config: Config = None, as_json: AsJson = False) -> None:
    """Show all channels, newest first."""
    found = run(config, _described)
    if not as_json:
        for row in found:
            row["health"] = _health(row)
    output.rows(
        found,
        _COLUMNS,
        as_json=as_json,
        empty="There are no channels yet; add one with: grip channels add",
    )


@app.command()
def show(channel: Channel, config: Config = None, as_json: AsJson = False) -> None:
    """Show all that is known of a channel."""
    found = run(config, _described, channel)[0]
    output.item(found, as_json=as_json, title=f"Channel {found['name']}")


@app.command("set")
@takes({"name": words("--name", "NAME", "Another name."), "kind": Kind, **_OPTIONS})
def change(
    channel: Channel,
    given: Given,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Change what the options name; an empty value goes back to the default."""
    if not given:
        raise InvalidRequest("nothing to change; name an option, such as --weight 2")
    after = run(config, channels.change, channel, _parsed(given), actor=actor, reason=reason)
    output.done(describe(after), f"Changed {after.name} ({after.id}).", as_json=as_json)


@app.command()
def enable(
    channel: Channel,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Let requests go to a channel."""
    after = run(config, channels.enable, channel, actor=actor, reason=reason)
    output.done(describe(after), f"{after.name} is enabled.", as_json=as_json)


@app.command()
def disable(
    channel: Channel,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send no further request to a channel."""
    after = run(config, channels.disable, channel, actor=actor, reason=reason)
    output.done(describe(after), f"{after.name} is disabled.", as_json=as_json)


@app.command()
def remove(
    channel: Channel,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take a channel away; what it served stays in the books."""
    gone = run(config, channels.remove, channel, actor=actor, reason=reason)
    output.done(describe(gone), f"Removed {gone.name} ({gone.id}).", as_json=as_json)


@app.command()
@takes(COST_OPTIONS)
def cost(
    channel: Channel,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name or an alias.")],
    given: Given,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show or set what a channel takes for a model; an empty value takes a price away."""
    if given:
        rates = sell_rates(given)
        found = run(config, channel_costs.change, channel, model, rates, actor=actor, reason=reason)
    else:
        found = run(config, channel_costs.get, channel, model)
    shown = channel_costs.describe(found)
    output.item(shown, as_json=as_json, title=f"What {shown['channel']} takes for {shown['model']}")


async def _described(context: Context, ref: str | None = None) -> list[dict[str, Any]]:
    """Return one channel, or all of them, with what they are sick with."""
    sick = await channels.ailments(context)
    found = (
        await channels.list_channels(context) if ref is None else [await channels.get(context, ref)]
    )
    return [describe(channel, sick.get(channel.id, ())) for channel in found]


def _preset(name: str) -> Preset:
    try:
        return presets.preset(name)
    except KeyError:
        raise InvalidRequest(
            f"--preset: there is none of the name {name!r}; there are {', '.join(PRESETS)}"
        ) from None


def _health(row: dict[str, Any]) -> str:
    """Return how a channel fares, in words."""
    told = (f"{one['model']} since {one['since']}: {one['reason']}" for one in row["ailments"])
    return "\n".join(told) or row["health"]


def _parsed(given: Given) -> dict[str, Any]:
    return {
        name: _PARSERS[name](value) if name in _PARSERS else value for name, value in given.items()
    }


@app.command("test")
def call_upstream(
    channel: Channel,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The model to ask; else one it serves.")
    ] = None,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Call the upstream for real, with one small request; no wallet is charged."""
    from grip.cli.channel_call import call_channel  # noqa: PLC0415 - the clients are slow to load

    found = run(config, call_channel, channel, model, actor=actor)
    said = f"{found['name']} answered for {found['model']} in {found['latency_ms']} ms."
    output.done(found, said, as_json=as_json)
