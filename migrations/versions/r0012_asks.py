"""Curbside questions: which message of which room is whose."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asks",
        sa.Column("id", sa.String(16)),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("asker", sa.String(255), nullable=False),
        sa.Column("room_key", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("event_id", sa.String(255), nullable=True),
        sa.Column("replies", sa.Integer, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("solved_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_asks_asker", "asks", ["asker"])
    op.create_index("ix_asks_event_id", "asks", ["event_id"])


def downgrade() -> None:
    op.drop_table("asks")
