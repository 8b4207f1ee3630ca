"""The tools of a response: those that the client runs pass, those that the upstream runs do not.

Searches, containers and pictures have prices of their own, which no report of tokens tells. Unknown
tools are refused with them: nobody here can say who runs them.
"""

from typing import Any, Final

from grip import errors

_CLIENTS: Final = frozenset({"function", "custom", "local_shell", "apply_patch", "tool_search"})


def refuse_hosted(tools: list[Any], name: str) -> None:
    """Raise InvalidRequest, by its name, for a tool that does not run at the client's.

    `name` is where `tools` stand in the body.
    """
    for at, tool in enumerate(tools):
        where = f"{name}[{at}]"
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(kind, str):
            raise errors.InvalidRequest(f"{where}: a tool is an object with a type", param=name)
        if kind == "namespace" and isinstance(tool.get("tools"), list):
            _refuse_nested(tool["tools"], f"{where}.tools", name)
        elif kind not in _CLIENTS and not (kind == "shell" and _is_local(tool)):
            raise _hosted(kind, where, name)


def _refuse_nested(tools: list[Any], where: str, name: str) -> None:
    """Raise InvalidRequest for what is in a namespace and no function of the client's."""
    for at, tool in enumerate(tools):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(kind, str) or kind not in _CLIENTS:
            raise _hosted(kind, f"{where}[{at}]", name)


def _is_local(shell: dict[str, Any]) -> bool:
    """Return whether a shell runs at the client's, not in the upstream's container."""
    environment = shell.get("environment")
    return isinstance(environment, dict) and environment.get("type") == "local"


def _hosted(kind: Any, where: str, name: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(
        f"{where}: the tool {kind!r} runs at the upstream, at a price that this gateway cannot "
        "meter; leave it out, or bring a function of your own",
        param=name,
    )
