"""Paging: bridges and their attempts, and second channels of a page."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bridges",
        sa.Column("name", sa.String(24), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_since", sa.BigInteger(), nullable=True),
        sa.Column("trial_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(64), nullable=True),
    )
    op.create_table(
        "bridge_attempts",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "paging_alerts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("consult", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_paging_alerts_consult", "paging_alerts", ["consult", "number"])
    op.create_index("ix_paging_alerts_user", "paging_alerts", ["user_id", "at"])
    op.create_table(
        "paging_sent",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("alert", sa.String(64), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
    )
    op.create_table(
        "paging_shown",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("out", sa.String(26), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("paging_shown")
    op.drop_table("paging_sent")
    op.drop_index("ix_paging_alerts_user", "paging_alerts")
    op.drop_index("ix_paging_alerts_consult", "paging_alerts")
    op.drop_table("paging_alerts")
    op.drop_table("bridge_attempts")
    op.drop_table("bridges")
