"""The OpenAPI document of grip's HTTP surface, and the route that serves it.

Written by hand, since the metered routes stand before the framework and their bodies go through
unread: of a request it names the members that money rests on, and lets all others pass.
"""

from grip.web.openapi.document import document

__all__ = ["document"]
