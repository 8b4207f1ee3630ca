"""Upstreams that speak OpenAI's API.

Requests and answers pass through byte for byte, but for the model's name and the request for
usage. Wire facts: OpenAI API reference, "Chat", "Embeddings" and "Error codes".
"""

from grip.providers.openai.adapter import OpenAIAdapter

__all__ = ["OpenAIAdapter"]
