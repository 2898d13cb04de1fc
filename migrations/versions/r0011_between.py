"""Consults between hospitals."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "between_legs",
        sa.Column("id", sa.String(32)),
        sa.Column("peer", sa.String(255), nullable=False),
        sa.Column("asker", sa.String(255), nullable=False),
        sa.Column("consult", sa.String(16), nullable=False),
        sa.Column("local", sa.String(16), nullable=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("people", sa.LargeBinary, nullable=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("asking", sa.String(20), nullable=False),
        sa.Column("answering", sa.String(20), nullable=False),
        sa.Column("sent", sa.Integer, nullable=False),
        sa.Column("acked", sa.Integer, nullable=False),
        sa.Column("got", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("heard_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_between_legs_peer", "between_legs", ["peer"])
    op.create_index("ix_between_legs_local", "between_legs", ["local"])
    op.create_table(
        "between_letters",
        sa.Column("id", sa.String(26)),
        sa.Column("leg", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("leg", "number", name="uq_between_letters"),
    )
    op.create_table(
        "between_given",
        sa.Column("server", sa.String(255)),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("server"),
    )
    op.create_table(
        "between_offers",
        sa.Column("server", sa.String(255)),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("services", sa.Text, nullable=False),
        sa.Column("declined", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("server"),
    )


def downgrade() -> None:
    for table in ("between_offers", "between_given", "between_letters", "between_legs"):
        op.drop_table(table)
