"""The values of a batch: what the request path asks of the books, and what they answer.

An `Admit` becomes a row of `holds`, a `Grow` raises it; a `Settle` turns that row into a row of
`usage`; a `Release` only removes it. All of them name the request, which is the identity of the
effect: the same effect asked for twice happens once. Named tuples, since a frozen dataclass of
these sizes costs microseconds to make on the hot path; they are always made by keyword.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from grip.errors import GripError
from grip.money.limits import Standing

COMPLETED: Final = "completed"
"""The status of a call whose client was there to its end."""

CUT: Final = "cut"
"""The status of a stream whose client hung up."""

LIMITED: Final = "limited"
"""The status of a stream that ended where wallet, budget or member limit could give no more."""

CAPPED: Final = "capped"
"""The status of a task that used more than was held for it: what is above is the operator's."""

CRASH_VOID: Final = "crash_void"
"""The verdict on a call whose process died: nothing is charged."""

CRASH_ESTIMATED: Final = "estimated"
"""The verdict on a call whose process died: its input is charged, by estimate."""

VERDICTS: Final = (CRASH_VOID, CRASH_ESTIMATED)


class Admit(NamedTuple):
    """Asks to hold the estimated cost of a call.

    `amount` is in credits, `estimate_nano` in nano-credits (against budgets and member limits),
    `tokens` counts against the wallet's tokens per minute. `catalog_version`, `key_version` and
    `tier` are what the estimate was based on: where one of them is no longer true, or the boot is
    said to be dead, the answer is `Stale` and the caller looks again. `input_tokens` and `price_id`
    are what a verdict is made of if the process dies. `idem_key` claims the client's
    Idempotency-Key for a body with this `fingerprint`.
    """

    request_id: str
    wallet_id: str
    key_id: str
    member_id: str
    catalog_version: int
    key_version: int
    tier: str
    amount: int
    estimate_nano: int
    tokens: int
    model: str
    endpoint: str
    ip: str
    boot_id: str
    input_tokens: int
    price_id: str
    idem_key: str | None = None
    fingerprint: str | None = None


class Grow(NamedTuple):
    """Asks for more of the wallet, for a stream that outgrows its hold: what is left will do."""

    request_id: str
    estimate_nano: int


class Facts(NamedTuple):
    """What a usage row says of a call beside its money; counts of zero or more, times in ms."""

    key_name: str
    endpoint: str
    model: str
    provider: str
    channel_id: str
    channel: str
    upstream_model: str
    upstream_id: str | None
    ip: str
    region: str
    status: str
    estimated: bool
    price_id: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    images: int
    seconds: int
    characters: int
    buy_cost_nano: int | None
    attempts: int
    latency_ms: int
    first_byte_ms: int


class Answer(NamedTuple):
    """What stays of an answer under its Idempotency-Key.

    `body` is None where it is too large for this transaction, and was stored before it.
    """

    content_type: str
    body: bytes | None


class Settle(NamedTuple):
    """Asks to charge `cost_nano` for a request and to let go of its hold.

    `proven` says that the upstream itself reported the usage: only then may the charge pass the
    hold (contract, money rule 5). `answer` is for a call with an Idempotency-Key; None where it
    cannot be given again.
    """

    request_id: str
    cost_nano: int
    proven: bool
    tokens: int
    facts: Facts
    answer: Answer | None = None


class Release(NamedTuple):
    """Asks to let go of a hold without a charge: the call failed."""

    request_id: str


Entry = Admit | Grow | Settle | Release


class Stood(NamedTuple):
    """How the money behind a hold stood once it was taken: credits, but for `…_nano`.

    `held` is the wallet's, `held_nano` the key's; a limit of None is none.
    """

    balance: int
    held: int
    debt: int
    budget: int | None
    rpm: int | None
    spent: int
    spent_nano: int
    held_nano: int
    member_limit: int | None
    member_spent: int
    member_spent_nano: int
    member_held_nano: int


class Admitted(NamedTuple):
    """The hold is in the books since `admitted_us`; `requests` and `tokens` stand as told.

    `stood` is for whoever asks afterwards why a call was let in.
    """

    admitted_us: int
    requests: Standing | None
    tokens: Standing | None
    stood: Stood | None = None


@dataclass(frozen=True, slots=True)
class Stale:
    """What the admission was based on has changed since; nothing was held."""


class Grown(NamedTuple):
    """The hold is larger by `estimate_nano`: what was asked for, or what was left of it, or 0."""

    estimate_nano: int


class Settled(NamedTuple):
    """The charge is in the books: `credits` drawn in whole, of a cost of `cost_nano`."""

    cost_nano: int
    credits: int
    balance_after: int


@dataclass(frozen=True, slots=True)
class Released:
    """The hold is gone, with nothing charged."""


@dataclass(frozen=True, slots=True)
class Gone:
    """There was no such hold: it had been resolved already, and stays as it was resolved."""


Outcome = Admitted | Stale | Grown | Settled | Released | Gone | GripError
