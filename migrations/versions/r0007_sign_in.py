"""Signing in at one's hospital, and imports from its directory."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signin_links",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("browser", sa.String(64), nullable=True),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("asked", sa.String(64), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("flow", sa.LargeBinary(), nullable=True),
        sa.UniqueConstraint("asked", name="uq_signin_links_asked"),
    )
    op.create_index("ix_signin_links_user_id", "signin_links", ["user_id"])
    op.create_index("ix_signin_links_expires_at", "signin_links", ["expires_at"])
    op.create_table(
        "signin_accounts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_signin_accounts_user_id", "signin_accounts", ["user_id"])
    op.create_table(
        "directory_imports",
        sa.Column("source", sa.String(16), primary_key=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.String(32), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("directory_imports")
    op.drop_table("signin_accounts")
    op.drop_table("signin_links")
