"""Anonymous cases: receipts, pseudonyms, sanctions, unmasking; and what the watch keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "case_receipts",
        sa.Column("case_id", sa.String(16)),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_table(
        "case_pseudonyms",
        sa.Column("id", sa.String(160)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "case_sanctions",
        sa.Column("id", sa.String(26)),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("case_id", sa.String(16), nullable=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("reason", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=True),
        sa.Column("ended_at", sa.BigInteger, nullable=True),
        sa.Column("appeal", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("target", "case_id"):
        op.create_index(f"ix_case_sanctions_{column}", "case_sanctions", [column])
    op.create_table(
        "case_unmaskings",
        sa.Column("id", sa.String(26)),
        sa.Column("case_id", sa.String(16), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("reason", sa.LargeBinary, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_by", sa.String(255), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_unmaskings_case_id", "case_unmaskings", ["case_id"])
    op.create_table(
        "watch_messages",
        sa.Column("id", sa.String(26)),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("room_key", sa.String(64), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("event_id", sa.String(255), nullable=False),
        sa.Column("sender", sa.String(255), nullable=False),
        sa.Column("said", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "watch_offers",
        sa.Column("id", sa.String(16)),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("room_key", sa.String(64), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("event_id", sa.String(255), nullable=False),
        sa.Column("thread", sa.String(255), nullable=True),
        sa.Column("kinds", sa.String(255), nullable=False),
        sa.Column("is_file", sa.Boolean, nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=True),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_watch_offers_state", "watch_offers", ["state"])


def downgrade() -> None:
    for table in (
        "watch_offers",
        "watch_messages",
        "case_unmaskings",
        "case_sanctions",
        "case_pseudonyms",
        "case_receipts",
    ):
        op.drop_table(table)
