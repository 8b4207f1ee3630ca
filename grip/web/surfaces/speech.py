"""`POST /v1/audio/speech`: a text in, sound out; sold by the character or by tokens.

The sound comes whole, with its charge in the headers, unless the client asks for events
(`stream_format: "sse"`): who wants to hear its beginning at once does that.
"""

from typing import Final

from grip import errors
from grip.gateway.call import Call, Media
from grip.money import estimates, media
from grip.money.pricing import SPOKEN_UNITS
from grip.providers.json_object import JsonObject
from grip.web.surfaces.chat import model_name
from grip.web.surfaces.media import MediaEnding, text
from grip.web.surfaces.members import refuse_lookalikes

_READ: Final = frozenset({"input", "instructions", "model", "stream_format"})
_ENDING: Final = MediaEnding()


def parse(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body; raises InvalidRequest, naming the member that is wrong."""
    refuse_lookalikes(body, _READ)
    said = body.get("input", str)
    if not said:
        raise errors.InvalidRequest("input: give the text to be spoken", param="input")
    spoken = media.Estimate(*estimates.text_tokens_and_bound(said))
    told = estimates.text_tokens_and_bound(text(body, "instructions"))
    output = media.spoken_tokens(spoken)
    return Call(
        request_id=request_id,
        key_hash=key_hash,
        ip=ip,
        path="/audio/speech",
        type="audio",
        body=body,
        model=model_name(body),
        stream=text(body, "stream_format") == "sse",
        input_tokens=spoken.near + told[0],
        input_bound=spoken.bound + told[1],
        output_limit=output.bound,
        ending=_ENDING,
        media=Media(characters=len(said), output_tokens=output.near),
        units=SPOKEN_UNITS,
    )
