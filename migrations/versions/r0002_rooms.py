"""Rooms as declared."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _room_state()
    op.create_table(
        "declared_rooms",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_declared_rooms_room", "declared_rooms", ["room_id"], unique=True)


def _room_state() -> None:
    op.create_table(
        "room_state",
        sa.Column("bot", sa.String(64), primary_key=True),
        sa.Column("room_id", sa.String(255), primary_key=True),
        sa.Column("type", sa.String(255), primary_key=True),
        sa.Column("state_key", sa.String(255), primary_key=True),
        sa.Column("event_id", sa.String(255), nullable=False),
        sa.Column("sender", sa.String(255), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
    )
    op.create_table(
        "indexed_rooms",
        sa.Column("bot", sa.String(64), primary_key=True),
        sa.Column("room_id", sa.String(255), primary_key=True),
    )
    op.create_table(
        "indexed_messages",
        sa.Column("bot", sa.String(64), primary_key=True),
        sa.Column("event_id", sa.String(255), primary_key=True),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_indexed_messages_room", "indexed_messages", ["bot", "room_id", "sent_at"])


def downgrade() -> None:
    op.drop_table("indexed_messages")
    op.drop_table("indexed_rooms")
    op.drop_table("room_state")
    op.drop_table("declared_rooms")
