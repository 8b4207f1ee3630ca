"""What is kept beside the books: how calls went, and what they said. Nothing of money rests on it.

Rows may be deleted, and content wiped; the books do not notice.
"""

import sqlalchemy as sa

from grip.store.columns import Bytes, integer, text
from grip.store.tables.base import check, key, table

# One call that has ended. A side of its content is NULL where it was not kept, or was wiped;
# `…_bytes` is its size as it was, `…_form` says how it is kept (`grip.store.details`).
detail = table(
    "detail",
    key("request_id"),
    integer("created_us"),
    text("wallet_id"),
    text("key_id"),
    text("route_id", null=True),
    text("trace"),
    sa.Column("request", Bytes),
    integer("request_bytes", null=True),
    integer("request_form", default=0),
    sa.Column("response", Bytes),
    integer("response_bytes", null=True),
    integer("response_form", default=0),
    integer("redacted_us", null=True),
    check("forms", "request_form BETWEEN 0 AND 3 AND response_form BETWEEN 0 AND 3"),
)
sa.Index("ix_detail_created", detail.c.created_us)

# The channels that a route has, and why it lacks the others: one row for many calls, under the
# hash of what it says. `seen_us` is not much older than the last call that names it.
detail_route = table(
    "detail_route",
    key("id"),
    integer("seen_us"),
    text("told"),
)
sa.Index("ix_detail_route_seen", detail_route.c.seen_us)
