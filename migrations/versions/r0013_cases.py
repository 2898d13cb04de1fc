"""Anonymous cases."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.String(16)),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("handle", sa.String(16), nullable=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("room_key", sa.String(64), nullable=True),
        sa.Column("event_id", sa.String(255), nullable=True),
        sa.Column("pseudonym", sa.String(64), nullable=True),
        sa.Column("author", sa.LargeBinary, nullable=True),
        sa.Column("author_key", sa.String(64), nullable=True),
        sa.Column("draft", sa.LargeBinary, nullable=True),
        sa.Column("shown", sa.LargeBinary, nullable=True),
        sa.Column("preview_hash", sa.String(64), nullable=True),
        sa.Column("text", sa.LargeBinary, nullable=True),
        sa.Column("tags", sa.String(200), nullable=True),
        sa.Column("language", sa.String(8), nullable=True),
        sa.Column("consent", sa.String(12), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("attested_at", sa.BigInteger, nullable=True),
        sa.Column("posted_at", sa.BigInteger, nullable=True),
        sa.Column("closed_at", sa.BigInteger, nullable=True),
        sa.Column("follow_up_at", sa.BigInteger, nullable=True),
        sa.Column("erase_at", sa.BigInteger, nullable=True),
        sa.Column("shown_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in ("state", "handle", "event_id", "author_key"):
        op.create_index(f"ix_cases_{name}", "cases", [name])
    op.create_table(
        "case_files",
        sa.Column("id", sa.String(26)),
        sa.Column("case_id", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("cleaned", sa.LargeBinary, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_files_case_id", "case_files", ["case_id"])


def downgrade() -> None:
    for table in ("case_files", "cases"):
        op.drop_table(table)
