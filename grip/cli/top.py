"""`grip top`: traffic, latency, channels and money, live on the terminal."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import typer

from grip.cli import output
from grip.cli.options import AsJson, Config, Every
from grip.cli.output import Part, number, text
from grip.cli.runner import run
from grip.clock import to_iso
from grip.services import overview
from grip.services.context import Context
from grip.services.overview import Overview, Watch

app = typer.Typer(add_completion=False)

_SUMS: Final = (
    number("per_minute", "calls/min"),
    text("share"),
    number("input_tokens", "input"),
    number("output_tokens", "output"),
    number("cost_usd", "$/min"),
    number("p50_ms", "p50 ms"),
    number("p95_ms", "p95 ms"),
    number("first_byte_p50_ms", "first byte ms"),
)
_MODELS: Final = (text("model"), *_SUMS)
_CHANNELS: Final = (text("channel"), text("health"), *_SUMS)


@app.command()
def top(
    every: Every = 2,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Watch what goes on until Ctrl-C; on a pipe, or with --json, look once.

    Counts the charged calls of the last minute, of all workers and nodes.
    """
    if as_json or not output.is_on_terminal():
        found = run(config, _once)
        if as_json:
            output.item(overview.describe(found), as_json=True, title="")
        else:
            output.pages(page(found))
        return
    # Ctrl-C is how a watch ends, not a failure.
    with suppress(KeyboardInterrupt), output.screen() as put:
        run(config, _watch, put, every)


async def _once(context: Context) -> Overview:
    return await Watch(context).look()


async def _watch(context: Context, put: Callable[[Sequence[Part]], None], every_s: float) -> None:
    watch = Watch(context)
    while True:
        put(page(await watch.look()))
        await asyncio.sleep(every_s)


def page(found: Overview) -> list[Part]:
    """Return the page of an overview."""
    told = overview.describe(found)
    models = _rows(told["models"], told["calls"])
    channels = _rows(told["channels"], told["calls"])
    for row in channels:
        row["health"] = _health(row)
    oldest = told["oldest_call_s"]
    waiting = "" if oldest is None else f", the oldest for {oldest} s"
    return [
        Part(line=f"grip, {to_iso(found.at_us)}: the last {overview.WINDOW_S} s"),
        Part(
            line=f"{told['calls']} calls charged, {told['retried']} of them after another channel; "
            f"p50 {told['p50_ms']} ms, p95 {told['p95_ms']} ms; ${told['cost_usd']}"
        ),
        Part(
            line=f"under way: {told['open_calls']} calls{waiting}; {told['tasks']} tasks, "
            f"{told['callbacks']} callbacks; {told['workers']} workers on {told['hosts']} hosts"
        ),
        Part(
            line=f"credits: {told['balance']} in wallets, {told['held']} held, {told['debt']} owed"
        ),
        Part(line=""),
        Part(line="Channels", rows=channels, columns=_CHANNELS),
        Part(line="Models", rows=models, columns=_MODELS),
    ]


def _rows(found: Sequence[Mapping[str, Any]], calls: int) -> list[dict[str, Any]]:
    return [
        {**row, "per_minute": row["calls"], "share": output.bar(row["calls"], calls)}
        for row in found
    ]


def _health(row: Mapping[str, Any]) -> str:
    if not row["enabled"]:
        return "off"
    return "sick: " + ", ".join(row["sick"]) if row["sick"] else "ok"
