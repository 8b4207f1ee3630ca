"""The upstream that answers by itself: no network, no key, and misbehaviour on demand.

It speaks OpenAI's wire, so that a call through it takes the same way as any other.
"""

from grip.providers.sandbox.adapter import SCHEME, SandboxAdapter
from grip.providers.sandbox.behaviour import Behaviour
from grip.providers.sandbox.script import Script, script
from grip.providers.sandbox.task_script import TASKS, job_of, task_script
from grip.providers.sandbox.tasks import SandboxTasks

__all__ = [
    "SCHEME",
    "TASKS",
    "Behaviour",
    "SandboxAdapter",
    "SandboxTasks",
    "Script",
    "job_of",
    "script",
    "task_script",
]
