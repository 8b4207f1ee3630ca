"""`POST /v1/responses`: what grip reads of a body; the rest goes through unread.

Only what money rests on is checked here, and that nothing points to what the upstream remembers:
earlier responses, conversations, prompts and files are in the operator's account.
"""

from types import MappingProxyType
from typing import Any, Final

from grip import errors
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces.chat import MAX_TOKENS, count, model_name
from grip.web.surfaces.members import refuse_lookalikes
from grip.web.surfaces.responses_ending import ResponsesEnding
from grip.web.surfaces.responses_input import ResponsesTally, is_reference
from grip.web.surfaces.responses_tools import refuse_hosted
from grip.web.surfaces.stored import refuse_files, refuse_members, refused

_ENDING: Final = ResponsesEnding()
_STORED: Final = MappingProxyType(
    {
        "previous_response_id": "send the whole input each time (store may be false)",
        "conversation": "send the whole input each time (store may be false)",
        "prompt": "send its instructions and its input themselves",
    }
)
_COUNTED: Final = ("tools", "text")


def parse(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body; raises InvalidRequest, naming the member that is wrong."""
    refuse_lookalikes(body)
    _refuse_background(body)
    refuse_members(body, _STORED)
    refuse_files(body, "input")
    tokens, bound = _input(body)
    return Call(
        request_id=request_id,
        key_hash=key_hash,
        ip=ip,
        path="/responses",
        type="chat",
        body=body,
        model=model_name(body),
        stream=body.get("stream", bool, False),
        input_tokens=tokens,
        input_bound=bound,
        output_limit=count(body, "max_output_tokens", MAX_TOKENS),
        reasons="reasoning" in body,
        ending=_ENDING,
    )


def _refuse_background(body: JsonObject) -> None:
    if body.get("background", bool, False):
        raise errors.InvalidRequest(
            "background: responses in the background are not served; leave it out, and wait for "
            "the answer or stream it",
            param="background",
        )


def _input(body: JsonObject) -> tuple[int, int]:
    """Return the tokens of the input, near the truth and bounded for the hold."""
    items = _items(body)
    tally = ResponsesTally(len(items))
    tally.add_text(body.get("instructions", str, ""))
    if not items:
        raise errors.InvalidRequest("input: a text or a list of items is needed", param="input")
    refuse_hosted(body.get("tools", list[Any], []), "tools")
    for at, item in enumerate(items):
        if is_reference(item):
            raise refused(f"input[{at}]", "send the item itself, with its content")
        if "tools" in item:
            _refuse_added(item, f"input[{at}]")
        tally.add(item)
    tools = 0
    for name in _COUNTED:
        if name in body:
            tally.add_json(body.text_of(name))
            tools = estimates.TOOLS_TOKENS_BOUND
    near, bound = tally.tokens(body.raw)
    return near, bound + tools


def _refuse_added(item: dict[str, Any], name: str) -> None:
    """Raise InvalidRequest where an item brings tools along that run at the upstream."""
    tools = item["tools"]
    if item.get("type") != "mcp_list_tools" and isinstance(tools, list):
        refuse_hosted(tools, f"{name}.tools")


def _items(body: JsonObject) -> list[dict[str, Any]]:
    kinds: Any = str | list[dict[str, Any]]
    found: str | list[dict[str, Any]] | None = body.get("input", kinds)
    if isinstance(found, str):
        return [{"role": "user", "content": found}] if found else []
    return found or []
