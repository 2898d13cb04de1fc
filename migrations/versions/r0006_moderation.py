"""Moderation: who sent which event, what moderators did, reports, arrivals.

Times are integer milliseconds since 1970 UTC; `LargeBinary` columns hold values sealed at rest.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = (
    "room_messages",
    "mod_actions",
    "mod_plans",
    "mod_rooms",
    "mod_reports",
    "mod_reporters",
    "mod_arrivals",
    "mod_storms",
    "policy_lists",
    "list_bans",
    "retention_rooms",
)


def upgrade() -> None:
    _messages()
    _actions()
    _reports()
    _arrivals()
    _policy_lists()
    _retention()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _messages() -> None:
    op.create_table(
        "room_messages",
        sa.Column("event_id", sa.String(255), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("sender", sa.String(255), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(16), nullable=True),
        sa.Column("marks", sa.String(160), nullable=True),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_room_messages_at", "room_messages", ["at"])
    op.create_index("ix_room_messages_digest", "room_messages", ["digest", "at"])
    op.create_index("ix_room_messages_room", "room_messages", ["room_id", "at"])
    op.create_index("ix_room_messages_sender", "room_messages", ["sender", "at"])


def _actions() -> None:
    op.create_table(
        "mod_actions",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("who", sa.String(255), nullable=True),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=True),
        sa.Column("reason", sa.Integer, nullable=True),
        sa.Column("note", sa.LargeBinary, nullable=True),
        sa.Column("ended", sa.BigInteger, nullable=True),
        sa.Column("ended_by", sa.String(255), nullable=True),
        sa.Column("appeal", sa.String(12), nullable=False),
        sa.Column("appeal_out", sa.String(26), nullable=True),
        sa.Column("facts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mod_actions_at", "mod_actions", ["at"])
    op.create_index("ix_mod_actions_who", "mod_actions", ["who", "at"])
    op.create_table(
        "mod_plans",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("plan", sa.LargeBinary, nullable=False),
        sa.Column("second", sa.Boolean, nullable=False),
        sa.Column("out", sa.String(26), nullable=True),
        sa.Column("room", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "mod_rooms",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("slow_seconds", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _reports() -> None:
    op.create_table(
        "mod_reports",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("event_id", sa.String(255), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("out", sa.String(26), nullable=True),
        sa.Column("settled_by", sa.String(255), nullable=True),
        sa.Column("verdict", sa.String(12), nullable=True),
        sa.Column("action", sa.String(16), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mod_reports_event", "mod_reports", ["event_id"], unique=True)
    op.create_table(
        "mod_reporters",
        sa.Column("report", sa.String(16), nullable=False),
        sa.Column("reporter", sa.String(255), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("report", "reporter"),
    )
    op.create_index("ix_mod_reporters_reporter", "mod_reporters", ["reporter", "at"])


def _arrivals() -> None:
    op.create_table(
        "mod_arrivals",
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("muted", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id"),
    )
    op.create_index("ix_mod_arrivals_room", "mod_arrivals", ["room_id", "at"])
    op.create_index("ix_mod_arrivals_server", "mod_arrivals", ["server", "at"])
    op.create_table(
        "mod_storms",
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("shown", sa.Integer, nullable=False),
        sa.Column("on", sa.Boolean, nullable=False),
        sa.Column("out", sa.String(26), nullable=True),
        sa.Column("choice", sa.String(12), nullable=False),
        sa.PrimaryKeyConstraint("room_id"),
    )


def _policy_lists() -> None:
    op.create_table(
        "policy_lists",
        sa.Column("room", sa.String(255), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=True),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("denied", sa.Text, nullable=False),
        sa.Column("told", sa.String(26), nullable=True),
        sa.Column("told_in", sa.String(255), nullable=True),
        sa.Column("told_what", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("room"),
    )
    op.create_table(
        "list_bans",
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id"),
    )


def _retention() -> None:
    op.create_table(
        "retention_rooms",
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("seconds", sa.BigInteger, nullable=False),
        sa.Column("begins_at", sa.BigInteger, nullable=True),
        sa.Column("queued", sa.Integer, nullable=False),
        sa.Column("deleted", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("room_id"),
    )
