"""Upstreams that speak OpenAI's API, and Azure's form of it.

Requests and answers pass through byte for byte, but for the model's name and the request for
usage; clients of other wires are served by a translation to chat. Wire facts: OpenAI API
reference, "Chat", "Completions", "Responses", "Embeddings", "Moderations" and "Error codes";
Jina's, Cohere's and vLLM's references, "Rerank".
"""

from grip.providers.openai.adapter import OpenAIAdapter
from grip.providers.openai.azure import AzureAdapter

__all__ = ["AzureAdapter", "OpenAIAdapter"]
