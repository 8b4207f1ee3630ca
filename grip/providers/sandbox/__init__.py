"""The upstream that answers by itself: no network, no key, and misbehaviour on demand.

It speaks OpenAI's wire, so that a call through it takes the same way as any other.
"""

from grip.providers.sandbox.adapter import SCHEME, SandboxAdapter
from grip.providers.sandbox.behaviour import Behaviour
from grip.providers.sandbox.script import Script, script

__all__ = ["SCHEME", "Behaviour", "SandboxAdapter", "Script", "script"]
