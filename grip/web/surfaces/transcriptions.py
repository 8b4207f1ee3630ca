"""`POST /v1/audio/transcriptions`: a file of sound in, its text out; sold by the second or tokens.

The file is passed on from where it lies, and never in memory as a whole.
"""

from typing import Final

from grip import errors
from grip.gateway.call import Call, Media
from grip.money import estimates, media
from grip.money.pricing import HEARD_UNITS
from grip.providers.form import Form
from grip.providers.json_object import JsonObject
from grip.web.sound import seconds_of
from grip.web.spool import Spool
from grip.web.surfaces.chat import model_name
from grip.web.surfaces.media import MediaEnding, read_fields, text

_READ: Final = frozenset({"file", "model", "prompt", "response_format", "stream"})
_ENDING: Final = MediaEnding()
_SHORTEST_TOKENS: Final = 64
"""What a transcript may have however short the sound is."""


def parse(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:  # noqa: ARG001
    """Raise InvalidRequest: JSON has no file."""
    raise errors.InvalidRequest(
        "file: send the sound as a file, with content-type multipart/form-data", param="file"
    )


async def parse_form(form: Form, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a form; raises InvalidRequest, naming the field that is wrong."""
    body = read_fields(form, _READ, ("file",))
    files = form.files("file")
    if len(files) != 1 or not isinstance(files[0].content, Spool) or not files[0].size:
        raise errors.InvalidRequest("file: send one file of sound", param="file")
    seconds = await seconds_of(files[0].content.open(), files[0].size)
    prompt = estimates.text_tokens_and_bound(text(body, "prompt"))
    heard, written = media.heard_tokens(seconds), media.written_tokens(seconds)
    return Call(
        request_id=request_id,
        key_hash=key_hash,
        ip=ip,
        path="/audio/transcriptions",
        type="audio",
        body=body,
        model=model_name(body),
        stream=body.get("stream", bool, False),
        input_tokens=prompt[0] + heard.near,
        input_bound=prompt[1] + heard.bound,
        output_limit=written.bound + _SHORTEST_TOKENS,
        ending=_ENDING,
        media=Media(seconds=seconds.near, seconds_bound=seconds.bound),
        units=HEARD_UNITS,
    )
