"""Tokens of text and media, estimated without a vocabulary.

Owns the estimate that a call is held by before dispatch, and the one that stands in for a usage
that an upstream did not report. Refuses to tokenise: no vocabulary, no download, no float.

Method. Every character becomes one byte that names its class (small letter, capital, digit, space,
line break, other ASCII, or the script by its UTF-8 lead byte). Eleven counts over those bytes, and
fifteen more where the text is not ASCII, are weighed in 1/100 token: 10 µs for 1 kB and about 1 ms
for 100 kB of ASCII, 13 to 16 µs and 1.8 ms at the most for 1,000 and 100,000 characters of other
scripts. Runs enter as a count minus the count of the pair, so every term grows with the text, and
so does the estimate. A byte-level vocabulary never needs more tokens than bytes, hence the cap.

Fit and measure. The weights were fitted to OpenAI's o200k_base on half of the documents of 65
corpora (manual pages, documentation, licences, Python, JavaScript, C, SQL, JSON, HTML, CSV, logs,
hex, base64, emoji, 40 languages), cut into pieces of 40 to 30,000 characters; the bound to the
largest of o200k_base, cl100k_base, Llama 3 and Anthropic's old public vocabulary (plus 30 % where
text is mostly ASCII, as Anthropic documents of its models from Opus 4.7 on), seven script weights
of it then raised by hand. Measured on the other half (7,480 pieces), the error of `text_tokens`
against o200k_base, pieces of 200 characters and more:

    corpus                           mean   median |e|   p95 |e|
    English prose                    +4 %          6 %      21 %
    code                             +4 %          6 %      19 %
    JSON, HTML                       +2 %          5 %      16 %
    CSV, logs, hex, numbers          +3 %          6 %      34 %
    German, French, Spanish …        -4 %          8 %      21 %
    Polish, Turkish, Czech …         -4 %         11 %      23 %
    Russian                         +10 %         14 %      33 %
    Chinese                          -4 %          8 %      23 %
    Japanese, Korean                 -1 %          5 %      18 %
    Arabic, Farsi, Greek, Hebrew     -1 %          6 %      21 %
    Hindi, Marathi, Thai              0 %          7 %      17 %
    other scripts                    -5 %         11 %      30 %
    minified script                 -15 %         12 %      39 %
    base64                          -23 %         23 %      32 %

The common kinds together (prose, code, JSON, HTML, eight big languages): mean +2 %, median 6 %,
p95 21 % (at 40 characters 11 % and 33 %); on average 0 % against Llama 3, -5 % against cl100k_base,
-13 % against Anthropic's old vocabulary, and by its 30 % rule a third too low for its models from
Opus 4.7 on. In scripts that a vocabulary neglects, vendors differ by 2 to 4 times.

`text_tokens_bound` is 1.9 times the o200k_base count in the middle (4.3 times in Indic scripts,
where vocabularies differ most). The share of pieces above it, of all kinds and of the common ones:
o200k_base 0.05 % and 0.2 %, Llama 3 0.1 % and 0.2 %, cl100k_base 0.3 % and 0.4 %, Anthropic's old
vocabulary 7 % and 0.3 %; above by 3 to 13 % in the middle and by 31 % at the worst. With the 30 %
on top, a harsh guess, 39 % and 13 % (English prose 2 %, code 5 %), by 8 to 13 % in the middle and
by 45 % at the worst. So it is rarely too low, not never, and text can be made to be dearer (it is
33 % short of random small letters, 60 % of random rare Han): settlement must live with a charge
above its hold.
"""

from collections.abc import Sequence
from operator import mul
from typing import Final

PER_MESSAGE_TOKENS: Final = 4
"""Framing of one chat message: start, role, separator, end (OpenAI counts 3 and the role)."""

PER_REQUEST_TOKENS: Final = 3
"""Priming of the answer, once a request."""

TOOLS_TOKENS_BOUND: Final = 500
"""What tools add once to a request, beside the text of their schemas.

Anthropic puts a hidden system prompt before them: its documentation counts 403 input tokens for one
small tool and a one-line question.
"""

IMAGE_TOKENS: Final = 1_300
"""One image of 1024x1024 pixels: 1,229 on GPT-6, 1,090 on Gemini 3, 1,446 on Claude 5.5."""

IMAGE_TOKENS_BOUND: Final = 16_384
"""The most that one image of unknown size costs with the main vendors, in tokens.

A public measurement of 2026-10 (data set JOHNISKING/image-token-cost) has a photo of 12 megapixels,
default detail, at 14,364 tokens on GPT-6, 11,868 on GPT-5.5, 4,005 on Claude 5.5,
1,661 on Claude 4.5 and 1,065 on Gemini 3. OpenAI's guide counts 32-pixel patches (1,536 at most,
times 1.62 or 2.46, for the GPT-4.1 minis) or 85 + 170 for each 512-pixel tile (GPT-4o); Qwen2-VL's
model card allows 16,384. GPT-4o mini alone is dearer, counting a tile about 33 times; and what a
larger photo than that costs on GPT-6 is not documented here.
"""

_HUNDREDTHS: Final = 100
_BOUND_SLACK_TOKENS: Final = 2
"""Short texts break at worse places than long ones; this covers a greeting."""

_AUDIO_TOKENS_PER_S: Final = 32
_AUDIO_COMPRESSED_BYTES_PER_S: Final = 2_000
_AUDIO_PCM_BYTES_PER_S: Final = 8_000

_FILE_BYTES_PER_PAGE: Final = 2_000
_FILE_TOKENS_PER_PAGE: Final = 4_000
_FILE_PAGES_MAX: Final = 100

# ASCII: a small letter, A capital, 0 digit, s space, n line break or tab, p the rest.
# Then the scripts, by the last lead byte that belongs to each.
_SCRIPTS: Final = (
    (0xC2, b"q"),  # Latin-1 signs
    (0xC3, b"l"),  # Latin-1 letters
    (0xCC, b"e"),  # Latin extended
    (0xCF, b"g"),  # Greek
    (0xD3, b"c"),  # Cyrillic
    (0xD6, b"i"),  # Armenian, weighed as the Indic scripts
    (0xD7, b"h"),  # Hebrew
    (0xDF, b"r"),  # Arabic
    (0xE0, b"i"),  # Indic scripts, Thai
    (0xE1, b"v"),  # Vietnamese, Georgian, Khmer
    (0xE2, b"u"),  # typographic signs
    (0xE3, b"j"),  # kana
    (0xE9, b"k"),  # Han
    (0xED, b"o"),  # Hangul
    (0xEE, b"f"),  # private use
    (0xEF, b"w"),  # full-width forms
    (0xFF, b"f"),  # emoji and everything rare
)

# What is counted, its weight in the estimate and in the bound, in 1/100 token.
_ASCII_WEIGHTS: Final = (
    (b"a", 16, 35),
    (b"A", 27, 55),
    (b"p", 34, 42),
    (b"0", 133, 184),
    (b"00", -133, -184),
    (b"n", 140, 193),
    (b"nn", -140, -193),
    (b"sa", 35, 88),
    (b"sp", 58, 58),
    (b"pa", 47, 100),
    (b"0A", 250, 400),
)
_SCRIPT_WEIGHTS: Final = (
    (b"q", 142, 157),
    (b"l", 148, 200),
    (b"e", 140, 200),
    (b"g", 42, 133),
    (b"c", 35, 75),
    (b"h", 50, 150),
    (b"r", 39, 125),
    (b"i", 44, 229),
    (b"v", 45, 250),
    (b"u", 108, 300),
    (b"j", 70, 95),
    (b"k", 79, 140),
    (b"o", 76, 155),
    (b"w", 60, 120),
    (b"f", 228, 288),
)

_Table = tuple[tuple[bytes, ...], tuple[tuple[int, ...], tuple[int, ...]]]


def text_tokens(text: str) -> int:
    """Tokens that `text` is likely to have, near the truth on average; 0 for no text.

    For usage that nobody reported. Lone surrogates are counted, not refused.
    """
    return text_tokens_and_bound(text)[0]


def text_tokens_bound(text: str) -> int:
    """Tokens that `text` will rarely exceed with any vendor; never below `text_tokens`.

    For holds: 1.9 times the estimate in the middle, and 0 for no text.
    """
    return text_tokens_and_bound(text)[1]


def text_tokens_and_bound(text: str) -> tuple[int, int]:
    """Both at once, for one count of the text: what an admission needs."""
    if not text:
        return 0, 0
    encoded = text.encode("utf-8", "surrogatepass")
    near, bound = _weigh(encoded)
    return min(near, len(encoded)), min(bound, len(encoded)) + _BOUND_SLACK_TOKENS


def audio_tokens_bound(base64_chars: int, *, compressed: bool) -> int:
    """Tokens that an audio part with so many characters of base64 will rarely exceed.

    Gemini counts 32 tokens a second, more than the others. `compressed` (mp3, opus, aac) assumes
    16 kbit/s speech, otherwise (wav, pcm) 8 kHz telephone sound: the longest recording that the
    bytes can plausibly hold.
    """
    bytes_per_s = _AUDIO_COMPRESSED_BYTES_PER_S if compressed else _AUDIO_PCM_BYTES_PER_S
    return _divide_up(_decoded_bytes(base64_chars) * _AUDIO_TOKENS_PER_S, bytes_per_s)


def file_tokens_bound(base64_chars: int) -> int:
    """Tokens that a PDF or document part with so many characters of base64 will rarely exceed.

    Vendors send each page as text and as an image: 2,350 to 2,500 tokens a page were measured on
    Claude, 560 on Gemini. A page takes 2 kB at least; 100 pages at most are assumed, so the model's
    input ceiling belongs on top.
    """
    pages = _divide_up(_decoded_bytes(base64_chars), _FILE_BYTES_PER_PAGE)
    return min(pages, _FILE_PAGES_MAX) * _FILE_TOKENS_PER_PAGE


def _weigh(encoded: bytes) -> tuple[int, int]:
    if encoded.isascii():
        near, bound = _weighted(encoded.translate(_CLASSES), _ASCII)
    else:
        # Without its continuation bytes, UTF-8 has one byte for each character.
        shape = encoded.translate(_CLASSES, _CONTINUATION)
        near, bound = _weighted(shape, _ASCII)
        foreign = _weighted(shape.translate(None, _ASCII_CLASSES), _SCRIPT)
        near, bound = near + foreign[0], bound + foreign[1]
    return max(_divide_up(near, _HUNDREDTHS), 1), max(_divide_up(bound, _HUNDREDTHS), 1)


def _weighted(shape: bytes, table: _Table) -> tuple[int, int]:
    patterns, (near, bound) = table
    counts = tuple(map(shape.count, patterns))
    return sum(map(mul, counts, near)), sum(map(mul, counts, bound))


def _decoded_bytes(base64_chars: int) -> int:
    return base64_chars * 3 // 4


def _divide_up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def _class_table() -> bytes:
    """The class byte of each byte of UTF-8."""
    table = bytearray(b"p" * 0x100)
    for classed, members in (
        (b"a", b"abcdefghijklmnopqrstuvwxyz"),
        (b"A", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (b"0", b"0123456789"),
        (b"s", b" "),
        (b"n", b"\t\n\v\f\r"),
    ):
        for member in members:
            table[member] = classed[0]
    first = 0xC0
    for last, classed in _SCRIPTS:
        table[first : last + 1] = classed * (last + 1 - first)
        first = last + 1
    return bytes(table)


def _columns(rows: Sequence[tuple[bytes, int, int]]) -> _Table:
    return (
        tuple(pattern for pattern, _, _ in rows),
        (tuple(estimate for _, estimate, _ in rows), tuple(bound for _, _, bound in rows)),
    )


_CLASSES: Final = _class_table()
_ASCII_CLASSES: Final = b"aA0snp"
_CONTINUATION: Final = bytes(range(0x80, 0xC0))
_ASCII: Final = _columns(_ASCII_WEIGHTS)
_SCRIPT: Final = _columns(_SCRIPT_WEIGHTS)
