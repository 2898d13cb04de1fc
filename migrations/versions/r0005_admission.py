"""Admission: rules accepted, newcomers who have not yet, rooms wished for, and lists shown."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room_acceptances",
        sa.Column("user_id", sa.String(255), primary_key=True),
        sa.Column("rules", sa.String(64), primary_key=True),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "room_newcomers",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_room_newcomers_user", "room_newcomers", ["user_id", "room"], unique=True)
    op.create_table(
        "room_wishes",
        sa.Column("user_id", sa.String(255), primary_key=True),
        sa.Column("room", sa.String(64), primary_key=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "room_lists",
        sa.Column("user_id", sa.String(255), primary_key=True),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "room_withdrawals",
        sa.Column("user_id", sa.String(255), primary_key=True),
        sa.Column("rooms", sa.Integer(), nullable=False),
    )
    op.create_table("room_checks", sa.Column("user_id", sa.String(255), primary_key=True))
    op.create_table(
        "room_networks",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    for table in (
        "room_networks",
        "room_checks",
        "room_withdrawals",
        "room_lists",
        "room_wishes",
        "room_newcomers",
        "room_acceptances",
    ):
        op.drop_table(table)
