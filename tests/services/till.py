"""Usage rows with any values, as no settlement would write them in a row."""

from typing import Any

import sqlalchemy as sa

from grip.money.amounts import NANO
from grip.services.context import Context
from grip.store.engine import Connection
from grip.store.tables import usage


class Till:
    """Writes usage rows with any revenue and any buy cost."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.rung = 0

    async def ring(self, cost_nano: int, buy_cost_nano: int | None, **values: Any) -> None:
        """Write one charged call."""
        async with self.context.database.write() as connection:
            await self.put(connection, cost_nano, buy_cost_nano, **values)

    async def put(
        self, connection: Connection, cost_nano: int, buy_cost_nano: int | None, **values: Any
    ) -> None:
        """Write one charged call in a transaction that others may stand beside."""
        self.rung += 1
        row = {
            **dict.fromkeys(
                ("wallet_id", "key_id", "member_id", "key_name", "endpoint", "provider"), "x"
            ),
            **dict.fromkeys(("upstream_model", "ip", "region", "price_id"), "x"),
            **dict.fromkeys(("input_tokens", "output_tokens", "cached_input_tokens"), 0),
            **dict.fromkeys(("cache_write_tokens", "images", "seconds", "characters"), 0),
            **dict.fromkeys(("estimated", "attempts", "latency_ms", "first_byte_ms"), 0),
            **dict.fromkeys(("carry_before", "debt_credits", "balance_after"), 0),
            "request_id": f"req_{self.rung}",
            "created_us": self.context.clock(),
            "model": "gpt",
            "channel_id": "ch_1",
            "channel": "one",
            "status": "ok",
            "hold_credits": cost_nano // NANO,
            "credits": cost_nano // NANO,
            "carry_after": cost_nano % NANO,
            "cost_nano": cost_nano,
            "buy_cost_nano": buy_cost_nano,
            **values,
        }
        await connection.execute(sa.insert(usage).values(row))
