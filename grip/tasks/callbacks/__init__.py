"""Callbacks: telling a tenant's server that a task has ended.

The transaction that ends a task calls `store.callbacks.enqueue` with a body of `message`;
`Deliveries` does the rest. Refuses to write to a task: whatever a receiver does, the task stays as
it ended.
"""

from grip.tasks.callbacks.delivery import Deliveries
from grip.tasks.callbacks.message import message
from grip.tasks.callbacks.urls import CallbackRules, check_callback_url, rules_of

__all__ = ["CallbackRules", "Deliveries", "check_callback_url", "message", "rules_of"]
