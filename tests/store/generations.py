"""Rows as they were written at any time: a customer, what they bought and called, and all beside.

Each generation is whole by itself, and its books are right. Of a schema that lacks a table or a
column, it leaves that out: so it was then.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money.amounts import NANO
from grip.money.ledger import (
    GRANT,
    PURCHASE,
    TASK,
    Effect,
    Transfer,
    credit,
    hold,
    post,
    void,
)
from tests.store.schemas import Tables, Values, table_of

Row = tuple[str, Values]

_COST = 3 * NANO // 2
"""What each call costs: a credit and a half, of three input tokens."""


class Generation:
    """The rows of one customer, told apart from those of others by its number."""

    def __init__(self, number: int, tables: Tables) -> None:
        self.number = number
        self.tables = tables
        self._transfers = 0

    async def write(self, connection: AsyncConnection) -> list[Row]:
        """Insert what the schema knows; return it."""
        written = []
        for name, values in self._rows():
            known = self.tables.get(name)
            if known is None:
                continue
            kept = {key: value for key, value in values.items() if key in known}
            await connection.execute(sa.insert(table_of(name, kept)).values(kept))
            written.append((name, kept))
        return written

    def id(self, prefix: str) -> str:
        """Return an id of this generation."""
        return f"{prefix}_{self.number:032}"

    def _rows(self) -> list[Row]:
        return [
            *self._catalog(),
            *self._owners(),
            *self._journal(),
            *self._calls(),
            *self._tasks(),
            *self._callbacks(),
            *self._orders(),
            *self._beside(),
            *self._rollups(),
        ]

    def _has(self, table: str) -> int:
        return int(table in self.tables)

    def _owners(self) -> list[Row]:
        sold = NANO * 3 // 2 * (self._has("price") + self._has("task"))
        held = 2 + 5 * self._has("task")
        counters = {"spent": sold // NANO, "spent_nano": sold % NANO, "held_nano": held * NANO}
        balance = 1000 + 10 * self._has("payment_order") - sold // NANO
        wallet = {"id": self.id("wal"), "owner_id": self.id("acct"), "tier": "free"}
        member = {"id": self.id("mem"), "wallet_id": wallet["id"], "account_id": self.id("acct")}
        key = {"id": self.id("key"), "wallet_id": wallet["id"], "member_id": member["id"]}
        return [
            (
                "account",
                {"id": self.id("acct"), "email": self.id("e"), "name": "", "created_us": 1},
            ),
            (
                "wallet",
                wallet
                | {"balance": balance, "held": held, "carry_nano": sold % NANO, "created_us": 1},
            ),
            ("member", member | counters | {"created_us": 1}),
            (
                "api_key",
                key
                | counters
                | {"name": "main", "hash": self.id("hash"), "last4": "abcd", "created_us": 1},
            ),
            (
                "billing_profile",
                {"id": self.id("bill"), "wallet_id": wallet["id"], "version": 1, "name": "Ana"}
                | {"address": '["Street 1"]', "city": "Bonn", "postcode": "53111", "region": ""}
                | {"country": "DE", "is_business": 0, "actor": "ana", "created_us": 1},
            ),
            (
                "tier_change",
                {"wallet_id": wallet["id"], "before": "free", "after": "free", "cause": ""}
                | {"actor": "ana", "reason": "test", "at_us": 1},
            ),
        ]

    def _catalog(self) -> list[Row]:
        model, channel = self.id("model"), self.id("ch")
        return [
            (
                "channel",
                {"id": channel, "name": channel, "kind": "sandbox", "base_url": "", "region": ""}
                | {"groups": '["default"]', "types": '["chat"]', "model_map": "{}"}
                | {"created_us": 1},
            ),
            (
                "model",
                {"name": model, "type": "chat", "groups": '["default"]', "fallbacks": "[]"}
                | {"created_us": 1},
            ),
            (
                "price",
                {"id": self.id("price"), "model": model, "version": 1, "valid_from_us": 1}
                | {"actor": "ana", "input_nano": NANO // 2},
            ),
            ("model_alias", {"alias": self.id("alias"), "model": model}),
            ("channel_cost", {"channel_id": channel, "model": model, "input_nano": 1}),
            (
                "channel_health",
                {"channel_id": channel, "model": model, "is_sick": 0, "reason": "", "since_us": 1}
                | {"until_us": 1, "level": 0, "changed_us": 1},
            ),
        ]

    def _effect(self, name: str) -> Effect:
        return Effect(
            name=name,
            group_id=self.id("grp"),
            wallet_id=self.id("wal"),
            actor="ana",
            reason="test",
            created_us=1,
        )

    def _transfer_id(self) -> str:
        self._transfers += 1
        return f"{self.id('tr')}_{self._transfers}"

    @staticmethod
    def _transferred(made: Transfer) -> Row:
        values = {name: getattr(made, name) for name in Transfer.__slots__}
        values["fingerprint"] = made.fingerprint
        return ("ledger_transfer", {k: v for k, v in values.items() if v is not None})

    def _journal(self) -> list[Row]:
        granted = credit(self._effect(self.id("signup")), self._transfer_id(), GRANT, 1000)
        return [self._transferred(granted)]

    def _usage(self, request_id: str, *, carry: int, balance: int) -> Values:
        credits_, rest = divmod(carry + _COST, NANO)
        texts = ("endpoint", "provider", "channel", "upstream_model", "ip", "region", "key_name")
        numbers = ("output_tokens", "cached_input_tokens", "cache_write_tokens", "images")
        others = ("seconds", "characters", "attempts", "latency_ms", "first_byte_ms", "estimated")
        return {
            **dict.fromkeys(texts, "x"),
            **dict.fromkeys((*numbers, *others, "debt_credits"), 0),
            "request_id": request_id,
            "created_us": 1,
            "wallet_id": self.id("wal"),
            "key_id": self.id("key"),
            "member_id": self.id("mem"),
            "model": self.id("model"),
            "channel_id": self.id("ch"),
            "status": "ok",
            "price_id": self.id("price"),
            "input_tokens": 3,
            "hold_credits": 2,
            "cost_nano": _COST,
            "carry_before": carry,
            "carry_after": rest,
            "credits": credits_,
            "balance_after": balance,
        }

    def _calls(self) -> list[Row]:
        boot = {"id": self.id("boot"), "host": "node", "region": "", "started_us": 1}
        held = {"request_id": self.id("req_open"), "wallet_id": self.id("wal")}
        held |= {"key_id": self.id("key"), "member_id": self.id("mem")}
        idem = {"key_id": self.id("key"), "idem_key": "once", "request_id": self.id("req")}
        made: list[Row] = [
            ("boot", boot | {"ended_us": 2, "ending": "stopped", "schema": "0019"}),
            (
                "holds",
                held
                | {"amount": 2, "estimate_nano": 2 * NANO, "tokens": 3, "admitted_us": 1}
                | {"model": self.id("model"), "endpoint": "/v1/chat/completions", "ip": "x"}
                | {"boot_id": boot["id"], "input_tokens": 3, "price_id": self.id("price")},
            ),
            ("idempotency", idem | {"fingerprint": "f", "state": "kept", "created_us": 1}),
            ("idempotency_answer", {"request_id": idem["request_id"], "body": b"{}"} | _BORN),
        ]
        if self._has("price"):
            made.append(("usage", self._usage(self.id("req"), carry=0, balance=999)))
        return made

    def _task(self, name: str, amount: int, **values: Any) -> tuple[Row, Transfer]:
        """Return a task and its hold."""
        held = hold(self._effect(self.id(name)), self._transfer_id(), TASK, amount)
        texts = ("key_name", "ip", "endpoint", "type", "correlation_id")
        row = {
            **dict.fromkeys(texts, name),
            **dict.fromkeys(("images", "seconds", "characters"), 0),
            "id": self.id(name),
            "wallet_id": self.id("wal"),
            "key_id": self.id("key"),
            "member_id": self.id("mem"),
            "model": self.id("model"),
            "input": "{}",
            "price_id": self.id("price"),
            "hold_id": held.id,
            "hold_credits": amount,
            "estimate_nano": amount * NANO,
            "due_us": 1,
            "deadline_us": 2,
            "created_us": 1,
            **values,
        }
        return ("task", row), held

    def _tasks(self) -> list[Row]:
        """One that runs, one that was charged, and one that was given back."""
        if not self._has("task"):
            return []
        ended = {"completed_us": 2, "progress": 100}
        running, running_hold = self._task("task_run", 5, status="processing", phase="running")
        done = {"status": "completed", "phase": "completed", "cost_nano": _COST, "credits": 2}
        charged, charged_hold = self._task("task_done", 3, **ended, **done)
        lost = {"status": "failed", "phase": "failed", "cost_nano": 0, "credits": 0}
        failed, failed_hold = self._task("task_lost", 1, **ended, **lost, error_code="failed")
        effect = self._effect(self.id("end"))
        posted = post(effect, self._transfer_id(), charged_hold, 2)
        effect = self._effect(self.id("lost"))
        voided = void(effect, self._transfer_id(), failed_hold)
        transfers = (running_hold, charged_hold, failed_hold, posted, voided)
        used = self._usage(charged[1]["id"], carry=NANO // 2, balance=997)
        result = {"task_id": charged[1]["id"], "n": 0, "key": "k", "content_type": "image/png"}
        return [
            running,
            charged,
            failed,
            *map(self._transferred, transfers),
            ("usage", used | {"transfer_id": posted.id, "hold_credits": 3}),
            ("task_result", result | {"size": 1, "sha256": "", "created_us": 1}),
            ("task_loss", {"task_id": failed[1]["id"], "reason": "late", "seen_us": 1} | _BORN),
            ("upstream_event", {"provider": "fal", "id": self.id("ev"), "taken_us": 1}),
        ]

    def _callbacks(self) -> list[Row]:
        told = {"id": self.id("cb"), "task_id": self.id("task_done"), "wallet_id": self.id("wal")}
        return [
            (
                "callback",
                told
                | {"event": "task.completed", "url": "https://a.example", "host": "a.example"}
                | {"body": b"{}", "state": "delivered", "reason": "", "attempts": 1, "tries": 1}
                | {"due_us": 1, "created_us": 1, "ended_us": 2},
            ),
            (
                "callback_attempt",
                {"callback_id": told["id"], "number": 1, "started_us": 1, "outcome": "delivered"}
                | {"status": 200, "latency_ms": 1, "detail": "", "reply": b"ok"},
            ),
            (
                "callback_secret",
                {"id": self.id("cbs"), "wallet_id": self.id("wal"), "secret": "whsec_x"} | _BORN,
            ),
        ]

    def _orders(self) -> list[Row]:
        if not self._has("payment_order"):
            return []
        order = f"ord_{self.number:032}"
        bought = credit(self._effect(f"order:{order}"), self._transfer_id(), PURCHASE, 10)
        money = {"currency": "USD", "net_minor": 10, "tax_minor": 0, "gross_minor": 10}
        document = {"id": self.id("doc"), "series": self.id("series"), "number": 1}
        return [
            (
                "payment_order",
                {"id": order, "wallet_id": self.id("wal"), "provider": "sandbox", "status": "paid"}
                | {"credits": 10, "bonus": 0, "snapshot": "{}", "actor": "ana", "paid_us": 1}
                | {"payment_ref": self.id("pay")}
                | money
                | _BORN,
            ),
            self._transferred(bought),
            (
                "checkout_session",
                {"id": self.id("cs"), "order_id": order, "provider": "sandbox", "state": "closed"}
                | {"expires_us": 2}
                | _BORN,
            ),
            (
                "payment_event",
                {"provider": "sandbox", "event_id": self.id("evt"), "kind": "paid", "facts": "[]"}
                | {"state": "applied", "body": b"{}", "received_us": 1},
            ),
            (
                "payment_fact",
                {"order_id": order, "kind": "paid", "ref": "r", "word": "paid"}
                | {"amount_minor": 10, "currency": "USD", "source": "webhook", "seen_us": 1},
            ),
            (
                "payment_refund",
                {"id": self.id("rf"), "order_id": order, "state": "canceled", "amount_minor": 1}
                | {"actor": "ana", "reason": "test", "ended_us": 2}
                | _BORN,
            ),
            ("document_series", {"series": document["series"], "next_number": 2}),
            (
                "document",
                document
                | {"kind": "invoice", "wallet_id": self.id("wal"), "order_id": order}
                | {"cause": "paid", "content": "{}", "issued_us": 1}
                | money,
            ),
            ("document_pdf", {"document_id": document["id"], "sha256": "x", "rendered_us": 1}),
        ]

    def _rollups(self) -> list[Row]:
        sums = ("estimated", "input_tokens", "output_tokens", "cached_input_tokens", "images")
        others = ("cache_write_tokens", "seconds", "characters", "attempts", "latency_ms")
        costs = ("cost_credits", "buy_credits", "buy_nano", "credits", "debt_credits")
        day: Values = {"day": "2026-01-01", "wallet_id": self.id("wal"), "key_id": self.id("key")}
        day |= {"model": self.id("model"), "channel_id": self.id("ch"), "calls": 1}
        number = {"number": self.number + 1, "first_seq": self.number + 1, "rows": 1}
        return [
            (
                "usage_day",
                dict.fromkeys((*sums, *others, *costs), 0)
                | {"first_byte_ms": 0, "cost_nano": 1, "unknown_buy": 1}
                | day,
            ),
            ("rollup_block", number | {"last_seq": self.number + 1, "first_us": 1, "last_us": 1}),
            ("maintenance", {"name": self.id("month"), "value": "{}", "at_us": 1}),
        ]

    def _beside(self) -> list[Row]:
        return [
            ("meta", {"name": self.id("fact"), "value": "told"}),
            (
                "audit",
                {"at_us": 1, "actor": "ana", "action": "test", "subject": self.id("acct")}
                | {"after": "{}", "reason": "test"},
            ),
            (
                "detail",
                {"request_id": self.id("req"), "wallet_id": self.id("wal"), "trace": "[]"}
                | {"key_id": self.id("key"), "request": b"x", "request_bytes": 1}
                | _BORN,
            ),
            ("detail_route", {"id": self.id("route"), "seen_us": 1, "told": "[]"}),
        ]


_BORN = {"created_us": 1}
