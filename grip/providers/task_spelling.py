"""How a model spells grip's words: a vendor's hundred models agree on few of them.

A vendor's adapter has a spelling for each type; what differs for one model stands behind `?` in
its upstream name, as in `--map film=fal-ai/veo3?seconds=duration:{}s&images=image_url`:

- `word=member` says under which name the model takes grip's `word`
- `word=` says that the model takes it not at all; it is then not sent
- `:text` writes a number as a text, `:{}s` into a text, `:list` and `:one` the pictures as a
  list or only the first, `:object` a size as `{"width", "height"}`, `:width_height` as two
  members `width` and `height`, `:ratio` as `16:9`
- `rest=a+b` lets no other members through than these, of those that grip has no word for; untold
  all go along, also those that make a vendor charge more (`resolution=4k`)

What is priced is sent, unless the operator says here that the model has no word for it.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from grip.providers.task_input import WORDS, TaskInput

_FORMS: Final = frozenset({"", "list", "object", "one", "ratio", "text", "width_height"})
_MAX_LENGTH: Final = 400


class Spelling(msgspec.Struct, frozen=True, kw_only=True):
    """A model's own name, and the members that it takes grip's words as: (member, form).

    `rest` are the other members that may go along; None is all.
    """

    model: str
    members: Mapping[str, tuple[str, str]]
    rest: frozenset[str] | None = None

    def spelt(self, asked: TaskInput) -> dict[str, Any]:
        """Return the members of a request: grip's words as the model spells them, and the rest."""
        sent = asked.rest()
        if self.rest is not None:
            sent = {name: value for name, value in sent.items() if name in self.rest}
        for word, value in asked.values.items():
            member, form = self.members.get(word, ("", ""))
            if member:
                sent |= _written(member, form, value)
        return sent


@lru_cache(maxsize=1024)
def spelling(model: str, usual: tuple[tuple[str, str], ...]) -> Spelling:
    """Return the spelling in an upstream model's name, over the vendor's `usual` one.

    Raises ValueError on what it is not.
    """
    name, _, settings = model.partition("?")
    if not name or len(model) > _MAX_LENGTH:
        raise ValueError("the upstream's name of the model is empty or too long")
    members = {word: _member(text) for word, text in usual}
    rest: frozenset[str] | None = None
    for setting in filter(None, settings.split("&")):
        word, equals, text = setting.partition("=")
        if word == "rest" and equals:
            rest = frozenset(filter(None, text.split("+")))
            continue
        if word not in WORDS or not equals:
            raise ValueError(f"there is no word {word!r} to spell; there are {_KNOWN}")
        members[word] = _member(text)
    return Spelling(model=name, members=members, rest=rest)


def _member(text: str) -> tuple[str, str]:
    member, _, form = text.partition(":")
    if form not in _FORMS and form.count("{}") != 1:
        raise ValueError(f"there is no form {form!r} of a member")
    return member, form


def _written(member: str, form: str, value: Any) -> dict[str, Any]:
    """Return the members that say `value`."""
    if isinstance(value, list):
        return {member: value if form == "list" else value[0]}
    if form in {"object", "width_height", "ratio"}:
        return _sized(member, form, value)
    if form == "text":
        return {member: str(value)}
    return {member: form.replace("{}", str(value)) if "{}" in form else value}


def _sized(member: str, form: str, value: Any) -> dict[str, Any]:
    """Return a size in another form; one that is left to the model is not sent."""
    width, by, height = str(value).partition("x")
    if not by or not (width.isdigit() and height.isdigit()):
        return {}
    edges = {"width": int(width), "height": int(height)}
    if form == "ratio":
        common = math.gcd(*edges.values()) or 1
        return {member: f"{int(width) // common}:{int(height) // common}"}
    return edges if form == "width_height" else {member: edges}


_KNOWN: Final = ", ".join(sorted(WORDS))
