"""What is sold and who serves it: models, prices and channels, under one version."""

import sqlalchemy as sa

from grip.store.columns import Json, integer, sequence, text
from grip.store.tables.base import check, key, reference, table

RATES = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "image",
    "second",
    "character",
    "request",
)

# One row: what readers of the catalog compare, and what writers of it bump.
catalog = table(
    "catalog",
    sa.Column("id", integer("id").type, primary_key=True, autoincrement=False),
    integer("version"),
    check("single", "id = 1"),
)

channel = table(
    "channel",
    key(),
    text("name"),
    text("kind"),
    text("base_url"),
    text("secret", null=True),
    sa.Column("groups", Json, nullable=False),
    sa.Column("types", Json, nullable=False),
    sa.Column("model_map", Json, nullable=False),
    integer("priority", default=0),
    integer("weight", default=1),
    text("region"),
    integer("enabled", default=1),
    integer("connect_timeout_ms", null=True),
    integer("first_byte_timeout_ms", null=True),
    integer("chunk_timeout_ms", null=True),
    integer("total_timeout_ms", null=True),
    integer("drains", default=1),
    integer("created_us"),
    sa.UniqueConstraint("name"),
    check("weight", "weight > 0"),
    check("enabled", "enabled IN (0, 1)"),
    check("drains", "drains IN (0, 1)"),
)

# What this channel takes for a model, where it is not the model's own `cost_…`. The model's name
# is no foreign key, as with prices.
channel_cost = table(
    "channel_cost",
    sa.Column("channel_id", sa.Text, sa.ForeignKey("channel.id"), primary_key=True),
    key("model"),
    *(integer(f"{rate}_nano", null=True) for rate in RATES),
    *(check(rate, f"{rate}_nano >= 0") for rate in RATES),
)

# Which channel is or was sick with which of its models, by the name that the model has there.
channel_health = table(
    "channel_health",
    key("channel_id"),
    key("model"),
    integer("is_sick"),
    text("reason"),
    integer("since_us"),
    integer("until_us"),
    integer("level"),
    integer("changed_us"),
    check("is_sick", "is_sick IN (0, 1)"),
)

model = table(
    "model",
    key("name"),
    text("type"),
    integer("enabled", default=1),
    integer("max_input", null=True),
    integer("max_output", null=True),
    integer("reasoning", default=0),
    sa.Column("groups", Json, nullable=False),
    sa.Column("fallbacks", Json, nullable=False),
    integer("created_us"),
    check("max_input", "max_input > 0"),
    check("max_output", "max_output > 0"),
    check("enabled", "enabled IN (0, 1)"),
    check("reasoning", "reasoning IN (0, 1)"),
)

model_alias = table("model_alias", key("alias"), reference("model", "model.name"))

# A version of a model's prices, in nano-credits per unit: what customers pay, and the default of
# what the operator pays (`cost_…`). The model's name is no foreign key: prices outlive models.
price = table(
    "price",
    sequence(),
    text("id"),
    text("model"),
    integer("version"),
    integer("valid_from_us"),
    text("actor"),
    *(integer(f"{rate}_nano", null=True) for rate in RATES),
    *(integer(f"cost_{rate}_nano", null=True) for rate in RATES),
    sa.UniqueConstraint("id"),
    sa.UniqueConstraint("model", "version"),
    *(check(rate, f"{rate}_nano >= 0 AND cost_{rate}_nano >= 0") for rate in RATES),
)
