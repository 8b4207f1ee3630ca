"""What the surfaces of media have in common: names that are read, and endings that say nothing."""

from collections.abc import Collection, Iterable

from grip import errors
from grip.gateway.call import Call, Told
from grip.money.pricing import Usage
from grip.providers.form import Form, fields
from grip.providers.json_object import JsonObject
from grip.web.surfaces.members import refuse_lookalike_names


class MediaEnding:
    """The last event of a stream is the upstream's own, with the usage in it."""

    end = b""
    content_type = "text/event-stream; charset=utf-8"

    def usage(self, call: Call, of: Told, usage: Usage, cost_nano: int) -> bytes:  # noqa: ARG002
        """Return nothing: the usage stands in the last event."""
        return b""

    def length(self, call: Call, of: Told) -> bytes:  # noqa: ARG002
        """Return nothing: there is no event for it, and the stream ends without its last one."""
        return b""


def read_fields(
    form: Form,
    read: Collection[str],
    files: Iterable[str],
    *,
    wholes: frozenset[str] = frozenset(),
    flags: frozenset[str] = frozenset({"stream"}),
) -> JsonObject:
    """Return the fields of a form; raises InvalidRequest where money could rest on another one.

    `files` are the parts that may be files; any other name that is read must be a field.
    """
    names = [part.name for part in form.parts]
    refuse_lookalike_names(names, read)
    for part in form.parts:
        if part.filename is not None and part.name in read and part.name not in files:
            raise errors.InvalidRequest(f"{part.name}: send it as a field", param=part.name)
    return fields(form, wholes, flags)


def text(body: JsonObject, name: str, default: str = "") -> str:
    """Return a member that is a text."""
    return body.get(name, str, default)
