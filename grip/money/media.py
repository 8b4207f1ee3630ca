"""Units of media, estimated before anyone has answered: tokens of pictures, tokens of speech.

Owns the estimates that a hold of media rests on, and those that stand in where an upstream does
not report. Refuses to look into files. No float.

Sources. Pictures: OpenAI's calculator for gpt-image-2, as rebuilt and checked in its developers'
forum (2026-05): 7,024 tokens for 1024x1024 at high quality, 5,488 for 1536x1024, 12,329 for
3584x2048. gpt-image-1 counted 272, 1,056 and 4,160 for 1024x1024, half as much again for
1024x1536; `_SLACK_TOKENS` and a quarter more cover it. Sound: OpenAI's price pages put a minute of
gpt-4o-mini-tts at $0.015 for $12 a million tokens (21 a second), a minute of gpt-4o-transcribe's
input at $0.006 for $6 a million (17 a second); Gemini counts 32 a second. People speak some 3
tokens of text a second.
"""

from typing import Final, NamedTuple

_AXIS: Final = {"low": 16, "medium": 48, "high": 96}
_AREA_OFFSET: Final = 2_000_000
_AREA_SCALE: Final = 4_000_000
_SQUARE: Final = (1024, 1024)
_LONGEST_EDGE: Final = 16_384
_SLACK_TOKENS: Final = 256
_PARTIAL_TOKENS: Final = 100
"""What OpenAI charges for each picture that is shown before it is done."""

_SPOKEN_PER_TEXT: Final = 7
_SPOKEN_PER_TEXT_BOUND: Final = 14
_HEARD_PER_S: Final = 17
_HEARD_PER_S_BOUND: Final = 32
_WRITTEN_PER_S: Final = 3
_WRITTEN_PER_S_BOUND: Final = 10


class Estimate(NamedTuple):
    """A count near the truth, and one that it will rarely exceed."""

    near: int
    bound: int


def picture_tokens(size: str, quality: str, *, partial: int = 0) -> Estimate:
    """Tokens of output for one picture; `size` is as in `1024x1536`, `partial` previews come too.

    What is left to the upstream ("auto", nothing, a word of another vendor) counts as medium near
    the truth, as high at the most, and as a square.
    """
    width, height = _edges(size)
    near = _tokens(width, height, _AXIS.get(quality, _AXIS["medium"]))
    most = _tokens(width, height, _AXIS.get(quality, _AXIS["high"]))
    previews = partial * _PARTIAL_TOKENS
    return Estimate(near + previews, most + most // 4 + _SLACK_TOKENS + previews)


def spoken_tokens(text: Estimate) -> Estimate:
    """Tokens of sound for so many tokens of text."""
    return Estimate(text.near * _SPOKEN_PER_TEXT, text.bound * _SPOKEN_PER_TEXT_BOUND)


def heard_tokens(seconds: Estimate) -> Estimate:
    """Tokens of input for so many seconds of sound."""
    return Estimate(seconds.near * _HEARD_PER_S, seconds.bound * _HEARD_PER_S_BOUND)


def written_tokens(seconds: Estimate) -> Estimate:
    """Tokens of the transcript of so many seconds of sound."""
    return Estimate(seconds.near * _WRITTEN_PER_S, seconds.bound * _WRITTEN_PER_S_BOUND)


def _tokens(width: int, height: int, axis: int) -> int:
    """Return the tokens of a picture: patches along both edges, weighed by its area."""
    long_edge, short_edge = max(width, height), min(width, height)
    short_axis = (2 * axis * short_edge + long_edge) // (2 * long_edge)
    patches = axis * max(short_axis, 1)
    return -(-patches * (_AREA_OFFSET + width * height) // _AREA_SCALE)


def _edges(size: str) -> tuple[int, int]:
    """Return width and height in pixels, those of a square where the size names none."""
    width, _, height = size.partition("x")
    if not (_is_edge(width) and _is_edge(height)):
        return _SQUARE
    return int(width), int(height)


def _is_edge(digits: str) -> bool:
    fits = digits.isascii() and digits.isdigit() and len(digits) <= len(str(_LONGEST_EDGE))
    return fits and 0 < int(digits) <= _LONGEST_EDGE
