"""fal.ai: a thousand models behind one queue."""

from grip.providers.fal.adapter import FalTasks

__all__ = ["FalTasks"]
