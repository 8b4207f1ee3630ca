"""Who carries tasks, by the kind of channel: the one list of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from grip.providers.fal import FalTasks
from grip.providers.openai.tasks import OpenAITasks
from grip.providers.replicate import ReplicateTasks
from grip.providers.sandbox import SandboxTasks
from grip.providers.task_port import TaskAdapter

TASK_ADAPTERS: Final[Mapping[str, TaskAdapter]] = MappingProxyType(
    {
        "fal": FalTasks(),
        "openai": OpenAITasks(),
        "replicate": ReplicateTasks(),
        "sandbox": SandboxTasks(),
    }
)
"""The adapter of each kind whose channels take tasks."""
