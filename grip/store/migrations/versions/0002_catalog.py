"""Make the tables of the catalog."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Make the tables of channels, models and prices."""
    _make_channel()
    _make_model()
    _make_price()
    _make_model_alias()


def _make_channel() -> None:
    op.create_table(
        "channel",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("model_map", sa.Text(), nullable=False),
        sa.Column("priority", Int, server_default=sa.text("0"), nullable=False),
        sa.Column("weight", Int, server_default=sa.text("1"), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("enabled", Int, server_default=sa.text("1"), nullable=False),
        sa.Column("connect_timeout_ms", Int, nullable=True),
        sa.Column("first_byte_timeout_ms", Int, nullable=True),
        sa.Column("chunk_timeout_ms", Int, nullable=True),
        sa.Column("total_timeout_ms", Int, nullable=True),
        sa.Column("created_us", Int, nullable=False),
        sa.CheckConstraint("enabled IN (0, 1)", name=op.f("ck_channel_enabled")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_channel_weight")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("name", name=op.f("uq_channel_name")),
        sqlite_strict=True,
    )


def _make_model() -> None:
    op.create_table(
        "model",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("enabled", Int, server_default=sa.text("1"), nullable=False),
        sa.Column("max_input", Int, nullable=True),
        sa.Column("max_output", Int, nullable=True),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("fallbacks", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        sa.CheckConstraint("enabled IN (0, 1)", name=op.f("ck_model_enabled")),
        sa.CheckConstraint("max_input > 0", name=op.f("ck_model_max_input")),
        sa.CheckConstraint("max_output > 0", name=op.f("ck_model_max_output")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_model")),
        sqlite_strict=True,
    )


def _make_price() -> None:
    op.create_table(
        "price",
        sa.Column("seq", Int, sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", Int, nullable=False),
        sa.Column("valid_from_us", Int, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("input_nano", Int, nullable=True),
        sa.Column("output_nano", Int, nullable=True),
        sa.Column("cached_input_nano", Int, nullable=True),
        sa.Column("cache_write_nano", Int, nullable=True),
        sa.Column("image_nano", Int, nullable=True),
        sa.Column("second_nano", Int, nullable=True),
        sa.Column("character_nano", Int, nullable=True),
        sa.Column("request_nano", Int, nullable=True),
        sa.Column("cost_input_nano", Int, nullable=True),
        sa.Column("cost_output_nano", Int, nullable=True),
        sa.Column("cost_cached_input_nano", Int, nullable=True),
        sa.Column("cost_cache_write_nano", Int, nullable=True),
        sa.Column("cost_image_nano", Int, nullable=True),
        sa.Column("cost_second_nano", Int, nullable=True),
        sa.Column("cost_character_nano", Int, nullable=True),
        sa.Column("cost_request_nano", Int, nullable=True),
        sa.CheckConstraint(
            "cache_write_nano >= 0 AND cost_cache_write_nano >= 0",
            name=op.f("ck_price_cache_write"),
        ),
        sa.CheckConstraint(
            "cached_input_nano >= 0 AND cost_cached_input_nano >= 0",
            name=op.f("ck_price_cached_input"),
        ),
        sa.CheckConstraint(
            "character_nano >= 0 AND cost_character_nano >= 0", name=op.f("ck_price_character")
        ),
        sa.CheckConstraint("image_nano >= 0 AND cost_image_nano >= 0", name=op.f("ck_price_image")),
        sa.CheckConstraint("input_nano >= 0 AND cost_input_nano >= 0", name=op.f("ck_price_input")),
        sa.CheckConstraint(
            "output_nano >= 0 AND cost_output_nano >= 0", name=op.f("ck_price_output")
        ),
        sa.CheckConstraint(
            "request_nano >= 0 AND cost_request_nano >= 0", name=op.f("ck_price_request")
        ),
        sa.CheckConstraint(
            "second_nano >= 0 AND cost_second_nano >= 0", name=op.f("ck_price_second")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_price")),
        sa.UniqueConstraint("id", name=op.f("uq_price_id")),
        sa.UniqueConstraint("model", "version", name=op.f("uq_price_model_version")),
        sqlite_strict=True,
    )


def _make_model_alias() -> None:
    op.create_table(
        "model_alias",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["model.name"], name=op.f("fk_model_alias_model")),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_model_alias")),
        sqlite_strict=True,
    )
