"""On call: covers and swaps, what moderators have been told about the rotas, pictures to draw."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oncall_changes",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("rota", sa.String(64), nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("instead", sa.String(255), nullable=True),
        sa.Column("begins_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("swap", sa.String(16), nullable=True),
    )
    op.create_index("ix_oncall_changes_rota", "oncall_changes", ["rota", "ends_at"])
    op.create_table(
        "oncall_swaps",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("rota", sa.String(64), nullable=False),
        sa.Column("asker", sa.String(255), nullable=False),
        sa.Column("other", sa.String(255), nullable=False),
        sa.Column("given_from", sa.BigInteger(), nullable=False),
        sa.Column("given_to", sa.BigInteger(), nullable=False),
        sa.Column("taken_from", sa.BigInteger(), nullable=False),
        sa.Column("taken_to", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
    )
    op.create_table(
        "oncall_told",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    for table in ("oncall_told", "oncall_swaps", "oncall_changes"):
        op.drop_table(table)
