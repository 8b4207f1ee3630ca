"""The surfaces of docs/compatibility.md, in its order. A new one is a line here, and its rows."""

from tests.compat.chat_rows import CHAT
from tests.compat.messages_rows import COUNT_TOKENS, MESSAGES
from tests.compat.other_rows import COMPLETIONS, EMBEDDINGS, MODERATIONS, RERANK, RESPONSES

SURFACES = (
    CHAT,
    MESSAGES,
    COUNT_TOKENS,
    RESPONSES,
    COMPLETIONS,
    EMBEDDINGS,
    MODERATIONS,
    RERANK,
)
