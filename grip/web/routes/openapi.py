"""`GET /openapi.json`: what this gateway understands, for programs; nobody needs a key for it."""

from litestar import Response, get
from litestar.enums import MediaType

from grip.web.openapi import document


@get("/openapi.json")
async def show_document() -> Response[bytes]:
    """Return the document."""
    return Response(document(), media_type=MediaType.JSON)
