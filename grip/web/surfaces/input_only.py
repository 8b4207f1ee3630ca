"""Routes on which nothing is generated: only the input is metered, and nothing streams."""

from collections.abc import Callable
from typing import Protocol

from grip.gateway.call import Call
from grip.providers.json_object import JsonObject
from grip.web.surfaces.chat import model_name
from grip.web.surfaces.members import refuse_lookalikes


class Parse(Protocol):
    """Turns a body into a call; raises InvalidRequest, naming the member that is wrong."""

    def __call__(self, body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
        """Return the call in a body."""
        ...


def parser(path: str, type_: str, tokens: Callable[[JsonObject], tuple[int, int]]) -> Parse:
    """Return what reads the bodies of the route `path` below `/v1`, for models of this type.

    `tokens` returns those of the input, near the truth and bounded.
    """

    def parse(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
        refuse_lookalikes(body)
        near, bound = tokens(body)
        return Call(
            request_id=request_id,
            key_hash=key_hash,
            ip=ip,
            path=path,
            type=type_,
            body=body,
            model=model_name(body),
            has_output=False,
            input_tokens=near,
            input_bound=bound,
        )

    return parse
