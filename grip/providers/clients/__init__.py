"""The wires of clients that chat: requests into a `Conversation`, answers out of a `Completion`.

They are used where a client's wire is not the vendor's own; else bytes pass through. Whatever a
`Conversation` has no place for is refused by its name, and nothing is known here of any vendor.
"""

from grip.providers.clients.chat import ChatWire
from grip.providers.clients.messages import MessagesWire

__all__ = ["ChatWire", "MessagesWire"]
