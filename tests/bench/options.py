"""What `make bench` is told on its command line, checked: a plan of what is measured.

Refuses to measure anything.
"""

import argparse
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import wire
from tests.bench.gateways import GATEWAYS, Gateway

PHASES = {
    "one": "whole answers, 1 client",
    "many": "whole answers, 32 clients",
    "more": "whole answers, 64 clients",
    "burst": f"streams of {wire.CHUNKS} chunks at once, 32 clients",
    "paced": f"streams of a chunk each {wire.PACE_MS} ms, 8 clients",
    "wallets": "one wallet against many, 32 clients",
    "nodes": "one node against four, on one wallet in PostgreSQL",
}
DIRECT = "direct"

_SOAKED = ["sqlite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured, how often and how long; `soak_minutes` of 0 is the usual tables.

    `folder` is where the databases are put, None the temporary one. `slow_flush_ms` is how long
    PostgreSQL's flushes take at least in the phase `nodes`.
    """

    gateways: list[Gateway]
    phases: list[str]
    rounds: int
    seconds: float
    wallets: int
    soak_minutes: int
    minute_s: float
    folder: Path | None
    slow_flush_ms: float

    @property
    def needs_postgres(self) -> bool:
        """Whether a PostgreSQL server is part of it."""
        return any("postgres" in gateway.slug for gateway in self.gateways) or self.has_nodes

    @property
    def has_nodes(self) -> bool:
        """Whether several nodes are part of it."""
        return "nodes" in self.phases and not self.soak_minutes


def parse(words: Sequence[str] | None = None) -> Plan:
    """Return the plan that the command line asks for; exits with status 2 where it cannot be."""
    parser = _parser()
    told = parser.parse_args(words)
    phases = told.phases.split(",") if told.phases else list(PHASES)
    _refuse_unknown(parser, "phase", phases, PHASES)
    _refuse_unknown(parser, "gateway", told.gateways, GATEWAYS)
    names = told.gateways or (_SOAKED if told.soak else list(GATEWAYS))
    if not told.soak and DIRECT not in names:
        names = [DIRECT, *names]  # what latency is added to
    has_many = "wallets" in phases and not told.soak
    return Plan(
        gateways=[GATEWAYS[name] for name in GATEWAYS if name in names],
        phases=[name for name in PHASES if name in phases],
        rounds=told.rounds or (1 if told.quick else 3),
        seconds=told.seconds or (0.3 if told.quick else 5),
        wallets=(told.wallets or (100 if told.quick else 1000)) if has_many else 1,
        soak_minutes=told.soak,
        minute_s=2 if told.quick else 60,
        folder=told.folder,
        slow_flush_ms=told.slow_flush_ms,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"gateways:\n{_listed(_names())}\n\nphases:\n{_listed(PHASES)}",
    )
    add = parser.add_argument
    add("gateways", nargs="*", metavar="GATEWAY", help="which; all by default")
    add("--phases", help="which, with commas between; all by default")
    add("--rounds", type=int, help="how often each is measured (3)")
    add("--seconds", type=float, help="how long each load takes (5)")
    add("--wallets", type=int, help="how many stand against the hot one (1000)")
    add("--quick", action="store_true", help="to see that it works, not to report")
    add("--soak", type=int, default=0, metavar="MINUTES", help="only watch the memory (sqlite)")
    add("--folder", type=Path, help="where databases are put; else the temporary folder")
    add("--slow-flush-ms", type=float, default=2, help="in the phase nodes (2); 0: as it is")
    return parser


def _names() -> dict[str, str]:
    return {slug: gateway.name for slug, gateway in GATEWAYS.items()}


def _listed(known: dict[str, str]) -> str:
    return "\n".join(f"  {name:<11}{what}" for name, what in known.items())


def _refuse_unknown(
    parser: argparse.ArgumentParser, what: str, named: Sequence[str], known: Collection[str]
) -> None:
    for name in named:
        if name not in known:
            parser.error(f"there is no {what} {name!r}; there are {', '.join(known)}")
