"""What an adapter of media tasks takes and gives: the port between tasks and the vendors' wires.

The next vendor is one file that fills `TaskAdapter`, and a line in `task_adapters.py`. Adapters do
no I/O and read no clock: a call goes in, a request comes out; an answer goes in, what it means
comes out. Nothing that a vendor sends makes one raise, and nothing but a documented word ends a
task: what is not understood is `Unclear` or `Ambiguous`, never a verdict.
"""

import enum
from collections.abc import Collection, Mapping
from typing import Final, Literal, Protocol, get_args

import msgspec

from grip.providers.port import Report, Target, UpstreamRequest
from grip.providers.task_input import TaskInput

State = Literal["queued", "running", "completed", "failed"]
"""What an upstream says of a task. The last two are final."""

ErrorCode = Literal[
    "upstream_failed",
    "content_policy",
    "cancelled",
    "timeout",
    "expired",
    "submit_rejected",
    "submit_unknown",
    "result_unavailable",
    "config_error",
]
"""Why a task failed, as its customer reads it."""

ERROR_CODES: Final[frozenset[str]] = frozenset(get_args(ErrorCode))


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """When to look at a task: first, then at growing distances, at the most `cap_s` apart."""

    first_s: float
    interval_s: float
    cap_s: float


PACES: Final[Mapping[str, Pace]] = {
    "image": Pace(first_s=2, interval_s=2, cap_s=10),
    "audio": Pace(first_s=2, interval_s=2, cap_s=15),
    "video": Pace(first_s=10, interval_s=10, cap_s=30),
}
"""The pace of each type where a vendor asks for none of its own."""

LIFETIMES_S: Final[Mapping[str, int]] = {"image": 600, "audio": 600, "video": 3600}
"""How long a task of each type may take where a vendor does not say."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor can do for tasks of one type.

    `blocking`: the answer to the submission is the result; there is no id to look at, and a call
    that broke can never be repaired. `finds`: after such a break, `find` and `found` tell what was
    made of it. `webhook`: the vendor can call back, which wakes the poller and may bring the id.
    `idempotent_create`: the same submission again is documented to make no second job.
    `cancel` says up to when it can be asked for, `cancel_is_billed` that what was cancelled is
    paid for all the same. `result_lifetime_s` is how long results can be fetched.
    """

    pace: Pace
    lifetime_s: int
    blocking: bool = False
    finds: bool = False
    webhook: bool = False
    idempotent_create: bool = False
    cancel: Literal["none", "queued", "any"] = "none"
    cancel_is_billed: bool = False
    result_lifetime_s: int | None = None


class TaskCall(msgspec.Struct, frozen=True, kw_only=True):
    """One task, as an adapter sees it.

    `model` is what the upstream calls it, with the operator's settings behind `?`. `upstream_id`
    is the vendor's name of the job once there is one. `submitted_us` is when its submission began,
    the same for every look at it; `now_us` is now, and `deadline_us` when grip gives up.
    `cancelling` says that it has been asked to stop. `webhook_url` is where the vendor may call,
    with the task in it.
    """

    task_id: str
    type: str
    model: str
    input: TaskInput
    correlation_id: str
    submitted_us: int
    now_us: int
    deadline_us: int | None = None
    upstream_id: str | None = None
    webhook_url: str | None = None
    cancelling: bool = False

    @property
    def left_s(self) -> int | None:
        """The whole seconds until the deadline, None without one."""
        if self.deadline_us is None:
            return None
        return max((self.deadline_us - self.now_us) // 1_000_000, 0)


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One result: its bytes, or where they are.

    `url` is an address of a stranger's choosing, to be fetched with `fetch` over a guarded
    transport; where it is `own`, it is a path of the vendor's API instead and takes the key.
    `content_type` is what the vendor calls it, which proves nothing, and `expires_us` until when it
    says that it has it.
    """

    url: str = ""
    own: bool = False
    data: bytes = b""
    content_type: str | None = None
    expires_us: int | None = None


class TaskError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a task failed: a code and a sentence for the customer, `detail` for the operator."""

    code: ErrorCode
    message: str
    detail: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What an upstream says of a task, in documented words.

    `error` is there exactly where the state is failed. `usage` is what the upstream counted in
    units that grip sells by, `units` its own count of a unit of its own, for the operator alone.
    `billed` marks a failure that the upstream charges for. `poll_after_s` is its own hint.
    """

    state: State
    progress: int | None = None
    usage: Report = Report()
    units: str | None = None
    results: tuple[Artifact, ...] = ()
    error: TaskError | None = None
    billed: bool = False
    poll_after_s: float | None = None


class Effect(enum.StrEnum):
    """What an answer that tells nothing about the task does."""

    BACK_OFF = "back_off"
    PAUSE_CHANNEL = "pause_channel"
    COUNT_MISS = "count_miss"


class Unclear(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that tells nothing about the task, which therefore stays as it is.

    `reason` is a short word for logs, `effect` what it does to the polling.
    """

    reason: str
    detail: str = ""
    effect: Effect = Effect.BACK_OFF
    retry_after_s: int | None = None


class Further(msgspec.Struct, frozen=True, kw_only=True):
    """One more request belongs to the answer; what comes back is read with the same `step`."""

    request: UpstreamRequest
    step: str


MAX_STEPS: Final = 3
"""How many further requests one look may take."""


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """The upstream took the task, under this id."""

    upstream_id: str
    state: Literal["queued", "running"] = "queued"
    poll_after_s: float | None = None


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the submission is the result."""

    snapshot: Snapshot


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The upstream made nothing of it, and said so.

    `retry` is true where it was not the request's fault: another channel may do better. `message`
    is fit for the customer, `detail` for the operator alone: the vendor's own words, which may
    repeat the key. `reason` is a short word, without any of those.
    """

    code: ErrorCode
    message: str
    retry: bool
    reason: str = "rejected"
    detail: str = ""
    retry_after_s: int | None = None


class Ambiguous(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody knows whether the upstream took it: it must not be submitted again blindly."""

    reason: str
    detail: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of the vendor's that may be the one that was lost sight of.

    Where it is `certain` they carry the task's own id. Otherwise each has to be looked at, and
    only a single one that `matches` and belongs to nobody else is the one. `further` asks for the
    rest of the list.
    """

    upstream_ids: tuple[str, ...] = ()
    certain: bool = False
    further: UpstreamRequest | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A verified call of a vendor's: a reason to look, never a verdict.

    `event_id` is the same each time that it is sent, `upstream_id` in the form of `Submitted`.
    """

    event_id: str
    upstream_id: str


class WebhookRefused(Exception):
    """A call claims to be the vendor's, and is not, or is too old; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Headers = Mapping[str, str]
"""The headers of an answer or a call; names are in small letters."""


class TaskAdapter(Protocol):
    """The wire of one vendor's tasks. Only `verify_webhook` raises."""

    @property
    def types(self) -> Collection[str]:
        """The types of task that it carries."""

    def facts(self, type: str) -> Facts:  # noqa: A002 - the word for it everywhere
        """Return what the vendor can do for tasks of a type."""

    def submit(self, call: TaskCall, target: Target) -> UpstreamRequest | Rejected:
        """Return the request that submits the task, or why this vendor cannot carry it."""

    def submitted(
        self, call: TaskCall, status: int, headers: Headers, body: bytes
    ) -> Submitted | Finished | Rejected | Ambiguous:
        """Return what the answer to a submission means."""

    def probe(self, call: TaskCall, target: Target) -> UpstreamRequest:
        """Return the request that asks for the task's state; it has an upstream id."""

    def snapshot(
        self, call: TaskCall, target: Target, answer: "Probed", step: str = ""
    ) -> Snapshot | Unclear | Further:
        """Return what the answer to a probe, or to a further request of `step`, says."""

    def cancel(self, call: TaskCall, target: Target) -> UpstreamRequest | None:
        """Return the request that asks to stop, None where there is none; a look tells."""

    def find(self, call: TaskCall, target: Target) -> UpstreamRequest | None:
        """Return the request that looks for a lost submission; None where nothing can."""

    def found(self, call: TaskCall, target: Target, answer: "Probed") -> Found | Unclear:
        """Return the candidates in an answer to `find`, or to its `further`."""

    def matches(self, call: TaskCall, answer: "Probed") -> bool:
        """Return whether the job that a probe of a candidate shows is this task's."""

    def fetch(self, artifact: Artifact, target: Target) -> UpstreamRequest:
        """Return the request for a result; the key goes to the vendor's own API only."""

    def webhook_keys(self, target: Target) -> UpstreamRequest | None:
        """Return the request whose answer verifies webhooks; it may be kept for a day."""

    def verify_webhook(self, call: TaskCall, raw: bytes, headers: Headers, keys: bytes) -> Event:
        """Return what a call of the vendor's says; raises WebhookRefused.

        `keys` is the body that `webhook_keys` brought.
        """


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of an upstream; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
