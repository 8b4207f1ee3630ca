"""Every metric by its name: what it is, its labels, and what it means.

Owns the names, which dashboards and alerts rest on. Those of OpenTelemetry's conventions for
generative AI are in Prometheus' spelling: `server` is what grip's own clients see of it, `client`
what grip sees of an upstream. Refuses labels that name customers.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"

_SECONDS: Final = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
_FIRST_SECONDS: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08),
    *(0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
_SHORT_SECONDS: Final = (
    *(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032),
    *(0.064, 0.128, 0.256, 0.512, 1.024, 4.096),
)
_TOKENS: Final = tuple(float(4**power) for power in range(14))
_ENTRIES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

_CALL: Final = ("gen_ai_operation_name", "gen_ai_request_model")
_PROVIDER: Final = "gen_ai_provider_name"
_NAMES: Final = frozenset({"gen_ai_request_model", _PROVIDER, "model", "channel"})
"""The labels of which there may be any number: the operator's own names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one metric is; `bounds` are those of a histogram."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def names(self) -> tuple[bool, ...]:
        """Which of the labels are names, of which there may be any number."""
        return tuple(label in _NAMES for label in self.labels)


def _counter(said: str, *labels: str) -> Told:
    return Told(kind=COUNTER, help=said, labels=labels)


def _gauge(said: str, *labels: str) -> Told:
    return Told(kind=GAUGE, help=said, labels=labels)


def _histogram(said: str, bounds: tuple[float, ...], *labels: str) -> Told:
    return Told(kind=HISTOGRAM, help=said, labels=labels, bounds=bounds)


METRICS: Final = MappingProxyType(
    {
        "gen_ai_server_request_duration_seconds": _histogram(
            "Calls of clients, from their arrival to their end. error_type is empty where all "
            "went well, else how the call ended or the code of its error.",
            _SECONDS,
            *_CALL,
            _PROVIDER,
            "error_type",
        ),
        "gen_ai_server_time_to_first_token_seconds": _histogram(
            "Streams, from the arrival of the call to the first byte of its answer.",
            _FIRST_SECONDS,
            *_CALL,
            _PROVIDER,
        ),
        "gen_ai_client_operation_duration_seconds": _histogram(
            "Calls of upstreams, each attempt of its own: until the whole answer, or until a "
            "stream begins. error_type is why the channel was passed over.",
            _SECONDS,
            *_CALL,
            _PROVIDER,
            "channel",
            "error_type",
        ),
        "gen_ai_client_token_usage": _histogram(
            "Tokens of the calls that were charged.",
            _TOKENS,
            *_CALL,
            _PROVIDER,
            "gen_ai_token_type",
        ),
        "grip_charged_credits_total": _counter(
            "Whole credits that calls and tasks drew from wallets.", "model", "channel"
        ),
        "grip_cost_nanocredits_total": _counter(
            "What the calls and tasks that were charged cost their customers.", "model", "channel"
        ),
        "grip_buy_cost_nanocredits_total": _counter(
            "What they cost the operator, where the channel's price is known.", "model", "channel"
        ),
        "grip_estimated_calls_total": _counter(
            "Charged calls whose usage had to be estimated.", "model", "channel"
        ),
        "grip_tasks_ended_total": _counter(
            "Media tasks that this node ended. error_type is empty where they were completed, else "
            "why they failed.",
            "model",
            "error_type",
        ),
        "grip_refusals_total": _counter(
            "Requests that were answered with an error, by its code; upstream_refused is what an "
            "upstream itself said of the request.",
            "code",
        ),
        "grip_requests_in_flight": _gauge("Metered requests that are being answered."),
        "grip_admission_seconds": _histogram(
            "From the request, read, to its hold in the books.", _SHORT_SECONDS
        ),
        "grip_settlement_seconds": _histogram(
            "From the end of an answer to its charge on disk.", _SHORT_SECONDS
        ),
        "grip_batch_size": _histogram("Entries that shared one transaction.", _ENTRIES),
        "grip_batch_seconds": _histogram(
            "Transactions of the books, from their start to their commit.", _SHORT_SECONDS
        ),
        "grip_queue_entries": _gauge(
            "What waits in this node: books for a transaction, details to be written.", "queue"
        ),
        "grip_details_lost_total": _counter("Details of calls that could not be written."),
        "grip_job_runs_total": _counter(
            "Runs of the jobs beside requests; outcome is done, failed or cancelled.",
            "grip_job",
            "outcome",
        ),
        "grip_job_milliseconds_total": _counter("How long the jobs took.", "grip_job"),
        "grip_workers": _gauge("Workers of this node that answer."),
        "grip_build_info": _gauge("The version, in a label; always 1.", "version"),
        "grip_database_up": _gauge(
            "Whether the database answered. Where not, what is read from it is left out: all that "
            "follows here."
        ),
        "grip_channel_enabled": _gauge(
            "Whether the operator lets the channel serve.", "channel", "provider"
        ),
        "grip_channel_sick_models": _gauge(
            "With how many of its models the channel is sick.", "channel", "provider"
        ),
        "grip_holds": _gauge("Calls under way on all nodes, by their holds."),
        "grip_held_credits": _gauge("Credits that these hold."),
        "grip_tasks": _gauge("Media tasks that are not over.", "phase"),
        "grip_tasks_oldest_due_seconds": _gauge("For how long the most overdue task has waited."),
        "grip_callbacks_waiting": _gauge("Callbacks to be delivered."),
        "grip_callbacks_oldest_due_seconds": _gauge(
            "For how long the most overdue callback has waited."
        ),
        "grip_ledger_violations": _gauge("What the last grip ledger verify found."),
        "grip_ledger_verified_timestamp_seconds": _gauge(
            "When that was; absent while it has never run."
        ),
    }
)
"""All metrics, in the order of the page."""
