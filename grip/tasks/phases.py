"""The phases of a task, which lead where, and what its owner sees of each.

Terminal phases lead nowhere; the public status never goes back.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

QUEUED: Final = "queued"
SUBMITTING: Final = "submitting"
AMBIGUOUS: Final = "ambiguous"
SUBMITTED: Final = "submitted"
RUNNING: Final = "running"
CANCELLING: Final = "cancelling"
FETCHING: Final = "fetching"
COMPLETED: Final = "completed"
FAILED: Final = "failed"

PENDING: Final = "pending"
PROCESSING: Final = "processing"

OPEN: Final = (QUEUED, SUBMITTING, AMBIGUOUS, SUBMITTED, RUNNING, CANCELLING, FETCHING)
UPSTREAM: Final = (SUBMITTED, RUNNING, CANCELLING)
"""An upstream has it, under an id of its own."""

LEADS_TO: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        QUEUED: frozenset({SUBMITTING, FAILED}),
        SUBMITTING: frozenset({QUEUED, AMBIGUOUS, SUBMITTED, FETCHING, FAILED}),
        AMBIGUOUS: frozenset({SUBMITTED, FAILED}),
        SUBMITTED: frozenset({RUNNING, CANCELLING, FETCHING, FAILED}),
        RUNNING: frozenset({CANCELLING, FETCHING, FAILED}),
        CANCELLING: frozenset({FETCHING, FAILED}),
        FETCHING: frozenset({COMPLETED, FAILED}),
        COMPLETED: frozenset(),
        FAILED: frozenset(),
    }
)


def leading_to(phase: str) -> tuple[str, ...]:
    """Return the phases that may lead to this one."""
    return tuple(before for before in LEADS_TO if phase in LEADS_TO[before])
