"""What a body of messages may not ask for: work and prices that no report of tokens tells.

Writes to a cache are not among it: they are held and charged at the model's price for them, which
the operator sets; who lets an hour be asked for (`ttl`) sets the price of an hour.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from grip import errors
from grip.providers.json_object import JsonObject
from grip.web.surfaces import members

_HARMLESS: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "billing_policy": (),
        "compaction": (),
        "container": (),
        "fallback_credit_token": (),
        "fallbacks": ([],),
        "inference_geo": ("global",),
        "mcp_servers": ([],),
        "speed": ("standard",),
        "thread": (),
        "user_profile_id": (),
        "workspace_id": (),
    }
)
"""The members that grip cannot meter, and the values with which they mean nothing."""

_OWN_TOOL: Final = re.compile(
    r"(?:bash|text_editor|memory|computer|(?P<set>computer_toolset|browser_toolset))_\d{8}"
)
"""Tools that the vendor defines and the client runs; all others run at the vendor's."""

READ: Final = (
    members.READ
    | _HARMLESS.keys()
    | {
        "context_management",
        "output_config",
        "output_format",
        "system",
        "thinking",
    }
)
"""The names that money rests on."""


class DefinedTool(msgspec.Struct, frozen=True):
    """A tool of the vendor's own definition; `is_set` where it is many."""

    is_set: bool


class _Tool(msgspec.Struct):
    type: str | None = None


class _Edit(msgspec.Struct):
    type: str = ""


class _Context(msgspec.Struct):
    edits: list[_Edit] | None = None


def refuse_unmetered(body: JsonObject) -> None:
    """Raise InvalidRequest, naming what this gateway does not sell."""
    for name, harmless in _HARMLESS.items():
        if name in body and (value := body.get(name, Any)) is not None:
            _refuse_unless(value in harmless, name)
    context = body.get("context_management", _Context, _Context())
    for at, edit in enumerate(context.edits or ()):
        # What a summary takes is told apart from the usage of the answer.
        is_harmless = edit.type.startswith("clear_")
        _refuse_unless(is_harmless, f"context_management.edits[{at}].type")
    defined_tools(body)


def defined_tools(body: JsonObject) -> list[DefinedTool]:
    """Return the tools that the vendor defines; raises InvalidRequest for those that it runs."""
    found: list[DefinedTool] = []
    for at, tool in enumerate(body.get("tools", list[_Tool], [])):
        if tool.type is None or tool.type == "custom":
            continue
        known = _OWN_TOOL.fullmatch(tool.type)
        _refuse_unless(known is not None, f"tools[{at}].type")
        found.append(DefinedTool(is_set=known is not None and known["set"] is not None))
    return found


def _refuse_unless(is_harmless: bool, param: str) -> None:  # noqa: FBT001 - the whole of it
    if not is_harmless:
        raise errors.InvalidRequest(
            f"{param}: this gateway cannot meter what that asks for; leave it out", param=param
        )
