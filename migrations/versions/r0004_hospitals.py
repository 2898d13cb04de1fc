"""Hospitals."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hospitals",
        sa.Column("server_name", sa.String(255)),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("key", sa.String(64), nullable=True),
        sa.Column("offered", sa.Text, nullable=False),
        sa.Column("permitted", sa.Text, nullable=False),
        sa.Column("proves", sa.String(2), nullable=False),
        sa.Column("statement_id", sa.String(64), nullable=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("issued", sa.BigInteger, nullable=True),
        sa.Column("expires", sa.BigInteger, nullable=True),
        sa.Column("bots", sa.Text, nullable=False),
        sa.Column("contact", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("server_name"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "hospital_revision",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "hospital_keys",
        sa.Column("key", sa.String(64)),
        sa.Column("seed", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def downgrade() -> None:
    for table in ("hospital_keys", "hospital_revision", "hospitals"):
        op.drop_table(table)
