"""docs/compatibility.md: how what was seen is written down, and read again.

The page is made of lines that belong to one row each, so that a row can be held against it alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.compat.rows import KINDS, Row, Surface
from tests.compat.seeing import Seen

PATH = Path(__file__).parents[2] / "docs" / "compatibility.md"

_HEAD = """\
# Compatibility

What becomes of each feature, by the route that a client calls and the kind of the channel that
serves it. `make compat` makes this page from what the tests saw: the official clients ask for the
feature through grip, and upstreams on loopback, which speak the vendors' documented wires, keep
what reaches them. `make test` fails where the page and what is seen differ.

| word | means |
| --- | --- |
| as is | both ways byte for byte, but for the model's name and the count and cost of usage |
| translated | said in the words of the other wire; the client sees what it asked for |
| left out | a hint that changes nothing about the answer; the other wire has no place for it |
| refused | status 400, no upstream called, nothing charged or left held; names the member |
| not told | served, but the upstream's wire does not say this |
| passed on | the upstream's own refusal reaches the client, and costs nothing |
| estimated | answered by grip, as no channel of this kind can |
| played | the sandbox answers its own words, whatever is asked |
| - | channels of this kind do not serve the route |

`azure` is asked at an address with an `api-version`. Presets (`--preset`) are of the kind `openai`.
What refusals say stands under the tables.
"""
_TAIL = """\
## Other clients

- LangChain: `make clients` runs its standard tests. They pass for `ChatOpenAI` on
  `openai` (chat and responses), `anthropic` and `gemini`, and for `ChatAnthropic` on `anthropic`,
  `openai` and `gemini`, but for three that ask for what is refused above: JSON without a schema on
  `anthropic`, and pictures and files in the results of tools on `openai`.
- openai-node and the Vercel AI SDK (`@ai-sdk/openai`, `@ai-sdk/openai-compatible`,
  `@ai-sdk/anthropic`): `make node` runs text, streams, tools and structured output on each kind.
"""
_TABLE = f"| feature | {' | '.join(f'`{kind}`' for kind in KINDS)} |"
_RULE = "| --- " * (len(KINDS) + 1) + "|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What the page says of one row: a line of the table, and one for each refusal."""

    line: str
    notes: tuple[str, ...]


def lines(row: Row, seen: Mapping[str, Seen]) -> Lines:
    """Return the lines of a row."""
    whys: dict[str, list[str]] = {}
    for kind, cell in seen.items():
        if cell.why:
            whys.setdefault(cell.why, []).append(f"`{kind}`")
    words = " | ".join(seen[kind].word for kind in KINDS)
    return Lines(
        line=f"| {row.name} | {words} |",
        notes=tuple(f"{_mark(row)}{', '.join(kinds)}): “{why}”" for why, kinds in whys.items()),
    )


def written(told: Mapping[str, Mapping[str, Lines]], surfaces: tuple[Surface, ...]) -> str:
    """Return the page, of the lines of each row by its surface's path and its name."""
    parts = [_HEAD]
    for surface in surfaces:
        rows = [told[surface.path][row.name] for row in surface.rows]
        table = "\n".join([_TABLE, _RULE, *(row.line for row in rows)])
        parts.append(f"{_heading(surface)}\n\n{table}\n")
        if notes := [note for row in rows for note in row.notes]:
            parts.append("\n".join(notes) + "\n")
    return "\n".join([*parts, _TAIL])


def read(text: str, surface: Surface, row: Row) -> Lines:
    """Return what the page says of a row: empty where it says nothing."""
    section = text.partition(_heading(surface) + "\n")[2].partition("\n## ")[0].splitlines()
    return Lines(
        line=next((line for line in section if line.startswith(f"| {row.name} |")), ""),
        notes=tuple(line for line in section if line.startswith(_mark(row))),
    )


def _heading(surface: Surface) -> str:
    return f"## {surface.title}"


def _mark(row: Row) -> str:
    return f"- {row.name} (on "
