"""A conversation as the body of `generateContent`.

Left out in silence: who the end user is, the name of a file, whether a format is strict (it is),
that one call is enough where the one tool that there is must be called.
A strict tool turns the validated mode on, which holds for all tools.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from grip.providers.conversation import Conversation, Format, Thinking, Tool
from grip.providers.gemini.contents import contents, is_before_3
from grip.providers.gemini.names import Names

_BUDGETS: Final[Mapping[str, int]] = MappingProxyType(
    {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
)
"""Tokens for a word, where a model knows no words: as Google's own layer for OpenAI's clients."""

_LEVELS: Final = frozenset({"minimal", "low", "medium", "high", "xhigh"})
_MODES: Final[Mapping[str | None, str | None]] = MappingProxyType(
    {"auto": "AUTO", "none": "NONE", "any": "ANY", None: None}
)


def body(conversation: Conversation, model: str, names: Names) -> bytes:
    """Return the JSON text; raises Untranslatable, by the client's own `names`, or InvalidRequest.

    `model` decides between the wires of the generations, not who is asked.
    """
    if conversation.choices > 1:
        raise names.refused("choices", "one answer at a time")
    if conversation.parallel_tools is False and _may_call_several(conversation):
        raise names.refused("parallel_tools", "calls of several tools at once cannot be forbidden")
    whole: dict[str, Any] = {"contents": contents(conversation.turns, model, names)}
    if conversation.system:
        told = [{"text": part.text} for part in conversation.system]
        whole["systemInstruction"] = {"parts": told}
    if conversation.tools:
        declared = [_declaration(tool) for tool in conversation.tools]
        whole["tools"] = [{"functionDeclarations": declared}]
    if calling := _calling(conversation):
        whole["toolConfig"] = {"functionCallingConfig": calling}
    if config := _config(conversation, model, names):
        whole["generationConfig"] = config
    return msgspec.json.encode(whole)


def _may_call_several(conversation: Conversation) -> bool:
    """Return whether an answer may call more than one tool, but for the one that must be called."""
    must = conversation.tool_choice == "any" and len(conversation.tools) == 1
    return bool(conversation.tools) and conversation.forced_tool is None and not must


def _declaration(tool: Tool) -> dict[str, Any]:
    """Return a tool; its schema goes through as it is, since Gemini takes JSON Schema by now."""
    return _given(
        {
            "name": tool.name,
            "description": tool.description,
            "parametersJsonSchema": tool.schema,
        }
    )


def _calling(conversation: Conversation) -> dict[str, Any]:
    """Return how tools may be called, empty for the vendor's own way."""
    if conversation.forced_tool is not None:
        return {"mode": "ANY", "allowedFunctionNames": [conversation.forced_tool]}
    mode = _MODES[conversation.tool_choice]
    if mode in (None, "AUTO"):
        if any(tool.strict for tool in conversation.tools):
            mode = "VALIDATED"
        elif not conversation.tools:
            mode = None
    return _given({"mode": mode})


def _config(conversation: Conversation, model: str, names: Names) -> dict[str, Any]:
    return _given(
        {
            "maxOutputTokens": conversation.max_tokens,
            "temperature": conversation.temperature,
            "topP": conversation.top_p,
            "topK": conversation.top_k,
            "stopSequences": conversation.stop or None,
            "seed": conversation.seed,
            "frequencyPenalty": conversation.frequency_penalty,
            "presencePenalty": conversation.presence_penalty,
            "thinkingConfig": _thinking(conversation.thinking, model, names),
            **_format(conversation.format),
        }
    )


def _format(wanted: Format | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    return {"responseMimeType": "application/json", "responseJsonSchema": wanted.schema}


def _thinking(wanted: Thinking | None, model: str, names: Names) -> dict[str, Any] | None:
    """Return how much to think; Gemini takes a level or a budget, and refuses both together."""
    if wanted is None:
        return None
    if wanted.off or wanted.effort == "none":
        return {"thinkingBudget": 0}
    thinking: dict[str, Any] = {"includeThoughts": True}
    if wanted.budget_tokens is not None:
        if wanted.effort is not None:
            raise names.refused("effort", "it takes a budget of thinking or an effort, not both")
        thinking["thinkingBudget"] = wanted.budget_tokens
    elif wanted.effort is not None:
        thinking |= _effort(wanted.effort, model, names)
    return thinking


def _effort(word: str, model: str, names: Names) -> dict[str, Any]:
    if is_before_3(model):
        if word not in _BUDGETS:
            raise names.refused("effort", f"this model takes {', '.join(_BUDGETS)}")
        return {"thinkingBudget": _BUDGETS[word]}
    if word not in _LEVELS:
        raise names.refused("effort", f"it takes {', '.join(sorted(_LEVELS))}")
    return {"thinkingLevel": word.upper()}


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
