"""Upstreams that speak Gemini's own API, for clients of OpenAI's and Anthropic's.

Wire facts: Gemini API reference, "Generating content", "Function calling", "Thinking", "Thought
signatures", "File input methods", "Embeddings"; google.rpc's error details.
"""

from grip.providers.gemini.adapter import GeminiAdapter

__all__ = ["GeminiAdapter"]
