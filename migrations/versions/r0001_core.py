"""The core's tables: kernel, chat, Matrix and consults.

Times are integer milliseconds since 1970 UTC; `LargeBinary` columns hold values sealed at rest.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = ("core",)
depends_on = None

_TABLES = (
    "audit_lines",
    "audit_head",
    "inbox",
    "outbox",
    "timers",
    "people",
    "conversations",
    "bot_accounts",
    "secrets",
    "identities",
    "rooms",
    "room_members",
    "room_names",
    "unread_events",
    "chat_marks",
    "chat_usage",
    "consults",
    "consult_pages",
)


def upgrade() -> None:
    _audit()
    _inbox()
    _outbox()
    _timers()
    _chat()
    _accounts()
    _rooms()
    _consults()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _pending_index(name: str, table: str, columns: list[str]) -> None:
    """An index of what is still to be done: small, however much is done and kept."""
    pending = sa.text("state = 'pending'")
    op.create_index(name, table, columns, sqlite_where=pending, postgresql_where=pending)


def _audit() -> None:
    op.create_table(
        "audit_lines",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_audit_lines_subject", "audit_lines", ["subject"])
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # The one row that every transaction with audit lines locks and moves on.
    op.bulk_insert(head, [{"id": 1, "seq": 0, "mac": "0" * 64}])


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.String(26)),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("lane", sa.String(320), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=True),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bot", "topic", "source", name="uq_inbox_source"),
    )
    _pending_index("ix_inbox_pending", "inbox", ["id", "due_at"])
    _pending_index("ix_inbox_lane", "inbox", ["lane", "id"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(26)),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("lane", sa.String(320), nullable=False),
        sa.Column("room", sa.String(255), nullable=False),
        sa.Column("op", sa.String(16), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=True),
        sa.Column("buttons", sa.LargeBinary, nullable=True),
        sa.Column("topic", sa.String(64), nullable=True),
        sa.Column("ref", sa.String(128), nullable=True),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=True),
        sa.Column("event_id", sa.String(255), nullable=True),
        sa.Column("room_id", sa.String(255), nullable=True),
        sa.Column("error", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    _pending_index("ix_outbox_pending", "outbox", ["lane", "id", "channel", "bot", "due_at"])
    op.create_index("ix_outbox_event", "outbox", ["event_id"])


def _timers() -> None:
    op.create_table(
        "timers",
        sa.Column("id", sa.String(192)),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("set_for", sa.BigInteger, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_timers_due_at", "timers", ["due_at"])


def _chat() -> None:
    op.create_table(
        "people",
        sa.Column("user_id", sa.String(255)),
        sa.Column("language", sa.String(16), nullable=True),
        sa.Column("timezone", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(640)),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "chat_marks",
        sa.Column("id", sa.String(64)),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_chat_marks_expires_at", "chat_marks", ["expires_at"])
    op.create_table(
        "chat_usage",
        sa.Column("id", sa.String(320)),
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.Column("before", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _accounts() -> None:
    op.create_table(
        "bot_accounts",
        sa.Column("bot", sa.String(64)),
        sa.Column("since", sa.Text, nullable=True),
        sa.Column("device_id", sa.String(255), nullable=True),
        sa.Column("device_since", sa.BigInteger, nullable=True),
        sa.Column("owner", sa.String(128), nullable=True),
        sa.Column("owned_until", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("bot"),
    )
    op.create_table(
        "secrets",
        sa.Column("id", sa.String(128)),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "identities",
        sa.Column("user_id", sa.String(255)),
        sa.Column("master_key", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )


def _rooms() -> None:
    op.create_table(
        "rooms",
        sa.Column("bot", sa.String(64)),
        sa.Column("room_id", sa.String(255)),
        sa.Column("membership", sa.String(8), nullable=False),
        sa.Column("encrypted", sa.Boolean, nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("joined", sa.Integer, nullable=True),
        sa.Column("invited", sa.Integer, nullable=True),
        sa.Column("members_known", sa.Boolean, nullable=False),
        sa.Column("shape", sa.Text, nullable=False),
        sa.Column("last_event", sa.String(255), nullable=True),
        sa.PrimaryKeyConstraint("bot", "room_id"),
    )
    op.create_table(
        "room_members",
        sa.Column("bot", sa.String(64)),
        sa.Column("room_id", sa.String(255)),
        sa.Column("user_id", sa.String(255)),
        sa.Column("membership", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("bot", "room_id", "user_id"),
    )
    op.create_index("ix_room_members_user", "room_members", ["bot", "user_id"])
    op.create_table(
        "room_names",
        sa.Column("bot", sa.String(64)),
        sa.Column("name", sa.String(320)),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("bot", "name"),
    )
    op.create_table(
        "unread_events",
        sa.Column("event_id", sa.String(255)),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("session_id", sa.String(255), nullable=False),
        sa.Column("event", sa.LargeBinary, nullable=False),
        sa.Column("give_up_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_unread_session", "unread_events", ["bot", "room_id", "session_id"])


def _consults() -> None:
    op.create_table(
        "consults",
        sa.Column("id", sa.String(16)),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("urgency", sa.String(12), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("wait_seconds", sa.Integer, nullable=False),
        sa.Column("requester", sa.String(255), nullable=False),
        sa.Column("consultant", sa.String(255), nullable=True),
        sa.Column("origin", sa.String(255), nullable=False),
        sa.Column("thread", sa.String(255), nullable=False),
        sa.Column("room", sa.String(12), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=True),
        sa.Column("question", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=True),
        sa.Column("read_back", sa.LargeBinary, nullable=True),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("paged_at", sa.BigInteger, nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger, nullable=True),
        sa.Column("accepted_at", sa.BigInteger, nullable=True),
        sa.Column("answered_at", sa.BigInteger, nullable=True),
        sa.Column("closed_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("state", "requester", "consultant", "room_id"):
        op.create_index(f"ix_consults_{column}", "consults", [column])
    op.create_table(
        "consult_pages",
        sa.Column("consult", sa.String(16)),
        sa.Column("number", sa.Integer, autoincrement=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("out", sa.String(26), nullable=True),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("consult", "number"),
        sa.ForeignKeyConstraint(["consult"], ["consults.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_consult_pages_user_id", "consult_pages", ["user_id"])
