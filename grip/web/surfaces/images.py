"""`POST /v1/images/generations` and `/v1/images/edits`: a prompt in, pictures out.

Sold by the image or by tokens. An edit comes as a form with its pictures, or as JSON that names
them.
"""

from typing import Any, Final

from grip import errors
from grip.gateway.call import Call, Media
from grip.money import estimates, media
from grip.providers.form import Form
from grip.providers.json_object import JsonObject
from grip.web.surfaces.chat import count, model_name
from grip.web.surfaces.media import MediaEnding, read_fields, text
from grip.web.surfaces.members import refuse_lookalikes
from grip.web.surfaces.stored import refuse_files

MAX_IMAGES: Final = 100
MAX_PARTIAL: Final = 10
_READ: Final = frozenset(
    {
        "image",
        "image[]",
        "images",
        "input_fidelity",
        "mask",
        "model",
        "n",
        "partial_images",
        "prompt",
        "quality",
        "size",
        "stream",
    }
)
_NAMED: Final = ("image", "images")
_FILES: Final = ("image", "image[]", "mask")
_WHOLES: Final = frozenset({"n", "partial_images", "output_compression"})
_ENDING: Final = MediaEnding()
_GENERATIONS: Final = "/images/generations"
_EDITS: Final = "/images/edits"


def parse_generation(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body; raises InvalidRequest, naming the member that is wrong."""
    refuse_lookalikes(body, _READ)
    return _call(body, _GENERATIONS, 0, request_id=request_id, key_hash=key_hash, ip=ip)


def parse_edit(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body that names its pictures; raises InvalidRequest."""
    refuse_lookalikes(body, _READ)
    refuse_files(body, *_NAMED, "mask")
    return _call(body, _EDITS, _named(body), request_id=request_id, key_hash=key_hash, ip=ip)


async def parse_edit_form(form: Form, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a form; raises InvalidRequest, naming the field that is wrong."""
    body = read_fields(form, _READ, _FILES, wholes=_WHOLES)
    pictures = form.files(*_FILES)
    if not any(picture.name != "mask" for picture in pictures):
        raise errors.InvalidRequest("image: send at least one as a file", param="image")
    return _call(body, _EDITS, len(pictures), request_id=request_id, key_hash=key_hash, ip=ip)


def _call(
    body: JsonObject, path: str, pictures: int, *, request_id: str, key_hash: str, ip: str
) -> Call:
    """Return the call of a prompt and so many pictures."""
    prompt = body.get("prompt", str)
    if prompt is None:
        raise errors.InvalidRequest("prompt: say what the picture is to show", param="prompt")
    images = count(body, "n", MAX_IMAGES) or 1
    tokens, bound = estimates.text_tokens_and_bound(prompt)
    output = media.picture_tokens(text(body, "size"), text(body, "quality"), partial=_partial(body))
    return Call(
        request_id=request_id,
        key_hash=key_hash,
        ip=ip,
        path=path,
        type="image",
        body=body,
        model=model_name(body),
        stream=body.get("stream", bool, False),
        input_tokens=tokens + pictures * estimates.IMAGE_TOKENS,
        input_bound=bound + pictures * estimates.IMAGE_TOKENS_BOUND,
        output_limit=output.bound,
        choices=images,
        ending=_ENDING,
        media=Media(images=images, output_tokens=output.near),
    )


def _partial(body: JsonObject) -> int:
    found = body.get("partial_images", int, 0)
    if not 0 <= found <= MAX_PARTIAL:
        raise errors.InvalidRequest(
            f"partial_images: it must be from 0 to {MAX_PARTIAL}", param="partial_images"
        )
    return found


def _named(body: JsonObject) -> int:
    """Return how many pictures a body names, with its mask."""
    found = 0
    for name in _NAMED:
        value: Any = body.get(name, Any)
        if value is not None:
            found += len(value) if isinstance(value, list) else 1
    if not found:
        raise errors.InvalidRequest("image: name at least one", param="image")
    return found + ("mask" in body)
