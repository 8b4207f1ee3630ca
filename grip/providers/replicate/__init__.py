"""Replicate: models as predictions."""

from grip.providers.replicate.adapter import ReplicateTasks

__all__ = ["ReplicateTasks"]
