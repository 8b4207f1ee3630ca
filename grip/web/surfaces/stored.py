"""What a body may not point to: things that an upstream keeps in the operator's account.

All customers share that account. Whoever knew an id there, or guessed it, could have a model read
what another customer has sent or been told. Refuses to judge what stands in the body itself, and
addresses that anybody could open.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from grip import errors
from grip.providers.json_object import JsonObject

_FILE: Final = "file_id"
_HINT: Final = re.compile(rb"\\u00(?:5[fF]|6[4569cC])")
"""One of the name's letters as an escape, which nobody writes who has nothing to hide."""

_CLIENTS_OWN: Final = frozenset({"arguments", "input", "input_schema", "parameters"})
"""Members that are the arguments of a client's own tools, and what these may be."""

_TOLD: Final = 200
"""So many letters of a place are told: a client writes them, and may write many."""

_Place = tuple["_Place | None", str | int]
"""A step into a body, behind the ones before it; as words only once it is told."""


def refuse_members(body: JsonObject, remedies: Mapping[str, str]) -> None:
    """Raise InvalidRequest for the first of these members that says anything.

    `remedies` are what to send instead, by the member's name.
    """
    for name, remedy in remedies.items():
        if body.text_of(name) not in (b"", b"null"):
            raise refused(name, remedy)


def refuse_files(body: JsonObject, *members: str) -> None:
    """Raise InvalidRequest where one of these members names a file by its id, however deep."""
    if _FILE.encode() not in body.raw and _HINT.search(body.raw) is None:
        return
    for name in members:
        for where in _files(body.get(name, Any), name):
            raise refused(where, "send the file itself, in base64 or by a public URL")


def refused(where: str, remedy: str) -> errors.InvalidRequest:
    """Return the refusal of what stands at `where` in a body."""
    return errors.InvalidRequest(
        f"{where}: what an upstream has stored is not served here, since its account is not yours "
        f"alone; {remedy}",
        param=where,
    )


def _files(value: Any, name: str) -> Iterator[str]:
    """Yield where files are named; without recursion, as deep as a body may be."""
    left: list[tuple[Any, _Place]] = [(value, (None, name))]
    while left:
        found, place = left.pop()
        if isinstance(found, list):
            left += [(item, (place, at)) for at, item in enumerate(found)]
        elif isinstance(found, dict):
            if isinstance(found.get(_FILE), str):
                yield _told((place, _FILE))
            left += [
                (item, (place, key))
                for key, item in found.items()
                if key not in _CLIENTS_OWN and isinstance(item, dict | list)
            ]


def _told(place: _Place) -> str:
    """Return a place as words; of one that is very long, the beginning."""
    steps: list[str] = []
    at: _Place | None = place
    while at is not None:
        at, step = at
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step[:_TOLD]}")
    told = "".join(reversed(steps)).removeprefix(".")
    return told if len(told) <= _TOLD else f"{told[:_TOLD]}…"
