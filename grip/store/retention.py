"""How long each table keeps its rows, and who deletes them. docs/retention.md says the same.

A table without a rule fails a test. Refuses to delete anything: the rules' own rooms do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Until when rows are kept, and why; `by` deletes them, and is empty where nobody does."""

    until: str
    by: str = ""


_BOOKS: Final = "for ever: the books are proved from it"
_PROOF: Final = "for ever: it proves that the journals are as they were"
_NAMED: Final = "for ever: the books name it"
_SOLD: Final = "for ever: what was agreed, paid and billed is kept for taxes"
_OPERATOR: Final = "until an operator removes it"
_STATE: Final = "for ever: a few rows, changed in place"

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "account": Rule(until=_NAMED),
        "api_key": Rule(until=_NAMED),
        "audit": Rule(until="for ever: every change of an operator stays traceable"),
        "billing_profile": Rule(until=_SOLD),
        "boot": Rule(until="30 days after its end", by="workers, maintenance `leases`"),
        "callback": Rule(
            until="`[retention] callback_days` after it was delivered or given up",
            by="maintenance `retention`",
        ),
        "callback_attempt": Rule(until="as long as its callback", by="maintenance `retention`"),
        "callback_secret": Rule(
            until="`[retention] callback_days` after it signs no more", by="maintenance `retention`"
        ),
        "catalog": Rule(until=_STATE),
        "chain_block": Rule(until=_PROOF),
        "channel": Rule(until=_OPERATOR, by="`grip channels remove`"),
        "channel_cost": Rule(until=_OPERATOR, by="`grip channels cost`, `grip channels remove`"),
        "channel_health": Rule(
            until="until no relapse would count any more", by="workers, maintenance `health`"
        ),
        "checkpoint": Rule(until=_PROOF),
        "checkpoint_balance": Rule(
            until="until two later checkpoints are there", by="maintenance `chain`"
        ),
        "checkout_session": Rule(until=_SOLD),
        "detail": Rule(
            until="`[retention] detail_days`, and until the rollup of its month is verified",
            by="maintenance `retention`",
        ),
        "detail_route": Rule(
            until="a day longer than the last detail that names it", by="maintenance `retention`"
        ),
        "document": Rule(until=_SOLD),
        "document_pdf": Rule(until=_SOLD),
        "document_series": Rule(until=_STATE),
        "holds": Rule(until="until its call ends", by="the books"),
        "idempotency": Rule(until="24 hours", by="workers, maintenance `retention`"),
        "idempotency_answer": Rule(until="24 hours", by="workers, maintenance `retention`"),
        "ledger_transfer": Rule(until=_BOOKS),
        "maintenance": Rule(until="for ever: one row for each month"),
        "member": Rule(until=_NAMED),
        "meta": Rule(until=_STATE),
        "model": Rule(until=_OPERATOR, by="`grip models remove`"),
        "model_alias": Rule(until=_OPERATOR, by="`grip models set`, `grip models remove`"),
        "payment_event": Rule(
            until="for ever; 400 days where it names no order and was ignored or quarantined",
            by="maintenance `retention`",
        ),
        "payment_fact": Rule(until=_SOLD),
        "payment_order": Rule(until=_SOLD),
        "payment_refund": Rule(until=_SOLD),
        "price": Rule(until=_BOOKS),
        "rollup_block": Rule(until="for ever: it says which rows are rolled up"),
        "task": Rule(
            until="for ever: its charge is proved from it; its input `[retention] detail_days` "
            "after its end",
            by="the input: maintenance `retention`",
        ),
        "task_loss": Rule(until="for ever: what a task cost the operator"),
        "task_result": Rule(
            until="for ever; the files it names `[results] keep_days`",
            by="the files: workers, maintenance `retention`",
        ),
        "tier_change": Rule(until="for ever: every change of a tier stays traceable"),
        "upstream_event": Rule(until="a day", by="workers, maintenance `retention`"),
        "usage": Rule(until=_BOOKS),
        "usage_day": Rule(until="for ever: what usage came to, by the day"),
        "wallet": Rule(until=_NAMED),
    }
)
