"""Upstreams that speak Anthropic's API.

Clients of `/messages` get the upstream's own bytes; those of other routes get a translation by way
of `grip.providers.conversation`. Wire facts: Claude API reference, "Messages", "Count tokens in a
Message", "Streaming messages" and "Errors".
"""

from grip.providers.anthropic.adapter import AnthropicAdapter

__all__ = ["AnthropicAdapter"]
