"""What a vendor of tasks does unless it says otherwise: the rest of `TaskAdapter`, and shorthands.

An adapter built on this says how its vendor submits, looks and reads, and inherits that nothing can
be cancelled, found or verified. Refuses to know any vendor's words.
"""

from collections.abc import Mapping
from typing import Any, Final

from grip.providers import task_policy, task_reading
from grip.providers.port import Report, Target, UpstreamRequest
from grip.providers.task_port import (
    Artifact,
    Event,
    Found,
    Headers,
    Probed,
    Rejected,
    Snapshot,
    State,
    TaskCall,
    TaskError,
    Unclear,
    WebhookRefused,
)

SUCCESS: Final = 300
"""Statuses below it are successes, those from it on are not: no redirect is followed."""

Credentials = tuple[tuple[str, str], ...]


class Vendor:
    """A vendor that takes a key of one scheme, and can do nothing beyond submitting and looking."""

    scheme: str = "Bearer"

    def credentials(self, target: Target) -> Credentials:
        """Return the header that carries the channel's key: the only place that it ever goes."""
        if target.secret is None:
            return ()
        return (("authorization", f"{self.scheme} {target.secret}"),)

    def asking(self, target: Target, path: str, method: str = "GET") -> UpstreamRequest:
        """Return a request without a body to the vendor's API."""
        heads = (("accept", "application/json"), *self.credentials(target))
        return UpstreamRequest(method=method, url=target.base_url + path, headers=heads)

    def cancel(self, call: TaskCall, target: Target) -> UpstreamRequest | None:  # noqa: ARG002
        """Nothing can be stopped."""
        return None

    def find(self, call: TaskCall, target: Target) -> UpstreamRequest | None:  # noqa: ARG002
        """Nothing can be found."""
        return None

    def found(self, call: TaskCall, target: Target, answer: Probed) -> Found | Unclear:  # noqa: ARG002
        """Nothing was looked for."""
        return Found()

    def matches(self, call: TaskCall, answer: Probed) -> bool:  # noqa: ARG002
        """Nothing was looked for."""
        return False

    def fetch(self, artifact: Artifact, target: Target) -> UpstreamRequest:
        """Return the request for a result; the key goes with the vendor's own paths only."""
        if artifact.own:
            url = target.base_url + artifact.url
            return UpstreamRequest(method="GET", url=url, headers=self.credentials(target))
        return UpstreamRequest(method="GET", url=artifact.url, headers=())

    def webhook_keys(self, target: Target) -> UpstreamRequest | None:  # noqa: ARG002
        """There are no webhooks."""
        return None

    def verify_webhook(
        self,
        call: TaskCall,  # noqa: ARG002 - whoever calls is refused
        raw: bytes,  # noqa: ARG002
        headers: Headers,  # noqa: ARG002
        keys: bytes,  # noqa: ARG002
    ) -> Event:
        """Refuse: the vendor calls nobody."""
        raise WebhookRefused("this upstream sends no webhooks")


def looked(
    call: TaskCall, answer: Probed, states: Mapping[str, State], name: str = "id"
) -> tuple[State, dict[str, Any]] | Unclear:
    """Return the documented state in the answer to a look, and all that it says.

    Unclear is what has no such state, or is of another job than `call.upstream_id`, by its member
    `name`.
    """
    found = task_reading.object_in(answer.body) if answer.status < SUCCESS else None
    if found is None:
        return task_policy.unclear(answer.status, answer.headers, answer.body)
    word = found.get("status")
    state = states.get(word) if isinstance(word, str) else None
    shown = task_policy.shown(answer.body)
    if state is None:
        return Unclear(reason="unknown_status", detail=shown)
    told = found.get(name)
    if told is not None and told != (call.upstream_id or "").rpartition("/")[2]:
        return Unclear(reason="other_task", detail=shown)
    return state, found


def ended(results: tuple[Artifact, ...], usage: Report, units: str | None = None) -> Snapshot:
    """Return the end of a task that an upstream calls a success: without a result it is none."""
    if results:
        return Snapshot(state="completed", progress=100, usage=usage, units=units, results=results)
    error = TaskError(
        code="content_policy",
        message="the upstream finished without a result, as it does with what it does not show",
    )
    return Snapshot(state="failed", error=error, usage=usage, units=units, billed=True)


def misnamed(error: ValueError) -> Rejected:
    """Return the refusal of a model whose upstream name says what it may not."""
    return Rejected(
        code="config_error",
        message="the model is not set up",
        retry=True,
        reason="misnamed",
        detail=str(error),
    )
