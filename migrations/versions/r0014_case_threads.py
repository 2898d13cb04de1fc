"""What happens to a case in its room: what was said, polls, flags, specialists who were asked."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_WAITING = sa.text("verdict IS NULL")


def upgrade() -> None:
    op.create_table(
        "case_events",
        sa.Column("event_id", sa.String(255)),
        sa.Column("case_id", sa.String(16), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("what", sa.String(8), nullable=False),
        sa.Column("piece", sa.String(26), nullable=True),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_case_events_case_id", "case_events", ["case_id"])
    op.create_index("ix_case_events_piece", "case_events", ["piece"])
    op.create_table(
        "case_relays",
        sa.Column("id", sa.String(64)),
        sa.Column("case_id", sa.String(16), nullable=False),
        sa.Column("told", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_relays_case_id", "case_relays", ["case_id"])
    op.create_table(
        "case_pages",
        sa.Column("id", sa.String(26)),
        sa.Column("case_id", sa.String(16), nullable=False),
        sa.Column("handle", sa.String(16), nullable=False, unique=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("first", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_pages_case_id", "case_pages", ["case_id"])
    op.create_table(
        "case_pieces",
        sa.Column("id", sa.String(26)),
        sa.Column("case_id", sa.String(16), nullable=False),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("handle", sa.String(16), nullable=True),
        sa.Column("source", sa.String(64), nullable=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("given", sa.LargeBinary, nullable=True),
        sa.Column("shown", sa.LargeBinary, nullable=True),
        sa.Column("preview_hash", sa.String(64), nullable=True),
        sa.Column("text", sa.LargeBinary, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("shown_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("case_id", "handle", "source"):
        op.create_index(f"ix_case_pieces_{column}", "case_pieces", [column])
    op.create_table(
        "case_polls",
        sa.Column("id", sa.String(26)),
        sa.Column("case_id", sa.String(16), nullable=False),
        sa.Column("quiz", sa.Boolean, nullable=False),
        sa.Column("options", sa.Integer, nullable=False),
        sa.Column("solution", sa.LargeBinary, nullable=True),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("event_id", sa.String(255), nullable=True),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_polls_case_id", "case_polls", ["case_id"])
    op.create_index("ix_case_polls_event_id", "case_polls", ["event_id"])
    op.create_table(
        "case_votes",
        sa.Column("id", sa.String(64)),
        sa.Column("poll", sa.String(26), nullable=False),
        sa.Column("choice", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_votes_poll", "case_votes", ["poll"])
    op.create_table(
        "case_reviews",
        sa.Column("id", sa.String(16)),
        sa.Column("case_id", sa.String(16), nullable=False),
        sa.Column("target", sa.String(26), nullable=False),
        sa.Column("out", sa.String(26), nullable=True),
        sa.Column("verdict", sa.String(8), nullable=True),
        sa.Column("by", sa.String(255), nullable=True),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_case_reviews_open",
        "case_reviews",
        ["target"],
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_table(
        "case_flags",
        sa.Column("id", sa.String(26)),
        sa.Column("review", sa.String(16), nullable=False),
        sa.Column("flagger", sa.String(255), nullable=False),
        sa.Column("wrong", sa.Boolean, nullable=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("review", "flagger", name="uq_case_flags"),
    )
    op.create_index("ix_case_flags_flagger", "case_flags", ["flagger"])


def downgrade() -> None:
    for table in (
        "case_flags", "case_reviews", "case_votes", "case_polls", "case_pieces", "case_pages",
        "case_relays", "case_events",
    ):  # fmt: skip
        op.drop_table(table)
