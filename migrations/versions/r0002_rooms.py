"""Rooms as declared."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "declared_rooms",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_declared_rooms_room", "declared_rooms", ["room_id"], unique=True)


def downgrade() -> None:
    op.drop_table("declared_rooms")
