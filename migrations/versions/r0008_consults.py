"""Consults: policies, acknowledgement, hold, surveys.

A consult of before becomes one whose policy asks its chain, one after the other. Taken back, a consult keeps
whom it asked; words that only the new form knows are lost, and a request with parts shows as it was packed.
"""

import json
import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BATCH = 500
_NOT_OVER = "state NOT IN ('completed', 'cancelled', 'expired', 'entered-in-error')"
_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE
_ASKING = ("requested", "unstaffed")


def upgrade() -> None:
    consults, pages = _taken()
    _drop(["state", "requester", "consultant", "room_id"], ["user_id"])
    _new_tables()
    now = int(time.time() * 1000)
    due = {
        row["key"]: row["due_at"]
        for row in _rows("SELECT key, due_at FROM timers WHERE kind = 'consults.page'")
    }
    timers: list[dict[str, Any]] = []
    for row in consults:
        timers += _timers(row, now)
    _insert("consults", [_newer(row, pages.get(row["id"], []), due, now) for row in consults])
    _insert(
        "consult_pages",
        [_newer_page(page, row) for row in consults for page in pages.get(row["id"], [])],
    )
    _insert("timers", timers)


def downgrade() -> None:
    consults, pages = _taken()
    op.drop_table("consult_surveys")
    op.drop_table("consult_words")
    _drop(["state", "requester", "consultant", "room_id", "service_opened_at", "open"], ["user_id_asked_at"])
    _old_tables()
    _insert("consults", [_older(row, pages.get(row["id"], [])) for row in consults])
    _insert("consult_pages", [_older_page(page) for each in pages.values() for page in each])
    op.execute("DELETE FROM timers WHERE kind LIKE 'consults.%' AND kind <> 'consults.page'")


# ── rows ──


def _taken() -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """All consults, and their pages by consult."""
    pages: dict[str, list[dict[str, Any]]] = {}
    for page in _rows("SELECT * FROM consult_pages ORDER BY consult, number"):
        pages.setdefault(page["consult"], []).append(page)
    return _rows("SELECT * FROM consults ORDER BY id"), pages


def _rows(query: str) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in op.get_bind().execute(sa.text(query))]


def _insert(name: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    table = sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())
    for start in range(0, len(rows), _BATCH):
        op.get_bind().execute(sa.insert(table), rows[start : start + _BATCH])


def _policy(row: dict[str, Any]) -> str:
    """The chain as a policy: see bot/consults/frozen.py for the form."""
    wait = float(row["wait_seconds"])
    asks = [["person", user] for user in json.loads(row["chain"])] or [["service", row["service"]]]
    tiers = [
        {
            "ask": [ask],
            "how": "in turn",
            "wait": wait,
            "acknowledged": wait,
            "remind": wait / 2,
            "channels": [],
        }
        for ask in asks
    ]
    policy = {
        "tiers": tiers,
        "repeat": 0,
        "nag": 1800.0,
        "answer": None,
        "read_back": 86400.0,
        "hold_stops_clock": True,
        "expires": 1209600.0,
        "reopen": 1209600.0,
        "bundle": False,
    }
    return json.dumps(policy, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


_KEPT = (
    "id", "bot", "service", "urgency", "state", "version", "requester", "consultant", "origin", "thread",
    "room", "room_id", "question", "answer", "read_back", "opened_at", "paged_at", "acknowledged_at",
    "accepted_at", "answered_at", "closed_at",
)  # fmt: skip


def _newer(row: dict[str, Any], pages: list[dict[str, Any]], due: dict[str, int], now: int) -> dict[str, Any]:
    asking = row["state"] == "requested"
    return {name: row[name] for name in _KEPT} | {
        "expects": "action",
        "follow": False,
        "policy": _policy(row),
        "round": 0,
        "rounds": 0,
        "tier": 0,
        "turn": len(pages),
        "turn_due": due.get(row["id"], now) if asking else None,
        "named": asking and row["consultant"] is not None,
        "moderators_asked": False,
        "via": None,
        "colleagues": "[]",
        "held_by": None,
        "due_at": None,
        "due_left": None,
        "reminders": 0,
        "progress": None,
    }


def _newer_page(page: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    chain = json.loads(row["chain"])
    return page | {
        "turn": page["number"],
        "round": 0,
        "tier": chain.index(page["user_id"]) if page["user_id"] in chain else 0,
        "until": None,
        "ways": "matrix",
        "send_at": page["asked_at"],
        "delivered_at": None,
        "settled_at": None,
    }


def _timers(row: dict[str, Any], now: int) -> list[dict[str, Any]]:
    """The timers that a consult of the new form has beside that of its page."""
    wanted = []
    if row["state"] == "unstaffed":
        wanted.append(("nag", now + 30 * _MINUTE))
    if row["state"] == "answered":
        wanted.append(("due", now + _DAY))
    if (row["state"] in _ASKING and row["consultant"] is None) or row["state"] == "answered":
        wanted.append(("expire", now + 14 * _DAY))
    facts = json.dumps({"bot": row["bot"], "number": 0}, sort_keys=True)
    return [
        {
            "id": f"consults.{clock}:{row['id']}",
            "kind": f"consults.{clock}",
            "key": row["id"],
            "due_at": due,
            "set_for": due,
            "facts": facts,
            "attempts": 0,
        }
        for clock, due in wanted
    ]


_STATES = {"on-hold": "in-progress", "expired": "cancelled", "entered-in-error": "cancelled"}
_OUTCOMES = {"acknowledged": "waiting", "off-duty": "missed"}


def _older(row: dict[str, Any], pages: list[dict[str, Any]]) -> dict[str, Any]:
    tiers = json.loads(row["policy"])["tiers"]
    named = [name for tier in tiers for kind, name in tier["ask"] if kind == "person"]
    asked = [page["user_id"] for page in pages]
    chain = list(dict.fromkeys([*asked, *named]))
    return {name: row[name] for name in _KEPT} | {
        "state": _STATES.get(row["state"], row["state"]),
        "step": len(dict.fromkeys(asked)) - 1,
        "chain": json.dumps(chain),
        "wait_seconds": int(tiers[0]["wait"]) if tiers else 1200,
    }


def _older_page(page: dict[str, Any]) -> dict[str, Any]:
    kept = {name: page[name] for name in ("consult", "number", "user_id", "out", "asked_at")}
    return kept | {"outcome": _OUTCOMES.get(page["outcome"], page["outcome"])}


# ── tables ──


def _drop(consults: list[str], pages: list[str]) -> None:
    for name in pages:
        op.drop_index(f"ix_consult_pages_{name}", "consult_pages")
    op.drop_table("consult_pages")
    for name in consults:
        op.drop_index(f"ix_consults_{name}", "consults")
    op.drop_table("consults")


def _new_tables() -> None:
    op.create_table(
        "consults",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("service", sa.String(320), nullable=False),
        sa.Column("urgency", sa.String(12), nullable=False),
        sa.Column("expects", sa.String(12), nullable=False),
        sa.Column("follow", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("turn_due", sa.BigInteger(), nullable=True),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("moderators_asked", sa.Boolean(), nullable=False),
        sa.Column("requester", sa.String(255), nullable=False),
        sa.Column("consultant", sa.String(255), nullable=True),
        sa.Column("via", sa.String(255), nullable=True),
        sa.Column("colleagues", sa.Text(), nullable=False),
        sa.Column("held_by", sa.String(255), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("due_left", sa.BigInteger(), nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(300), nullable=False),
        sa.Column("thread", sa.String(255), nullable=False),
        sa.Column("progress", sa.String(26), nullable=True),
        sa.Column("room", sa.String(12), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=True),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("read_back", sa.LargeBinary(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("paged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
    )
    for column in ("state", "requester", "consultant", "room_id"):
        op.create_index(f"ix_consults_{column}", "consults", [column])
    op.create_index("ix_consults_service_opened_at", "consults", ["service", "opened_at"])
    op.create_index(
        "ix_consults_open",
        "consults",
        ["id"],
        sqlite_where=sa.text(_NOT_OVER),
        postgresql_where=sa.text(_NOT_OVER),
    )
    op.create_table(
        "consult_pages",
        sa.Column("consult", sa.String(16)),
        sa.Column("number", sa.Integer(), autoincrement=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("ways", sa.String(32), nullable=False),
        sa.Column("out", sa.String(26), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("send_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("consult", "number"),
        sa.ForeignKeyConstraint(["consult"], ["consults.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_consult_pages_user_id_asked_at", "consult_pages", ["user_id", "asked_at"])
    op.create_table(
        "consult_words",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("consult", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["consult"], ["consults.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_consult_words_consult", "consult_words", ["consult"])
    op.create_table(
        "consult_surveys",
        sa.Column("consult", sa.String(16), primary_key=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("plan", sa.Boolean(), nullable=True),
        sa.Column("visit", sa.Boolean(), nullable=True),
        sa.Column("useful", sa.Integer(), nullable=True),
        sa.Column("out", sa.String(26), nullable=True),
        sa.ForeignKeyConstraint(["consult"], ["consults.id"], ondelete="CASCADE"),
    )


def _old_tables() -> None:
    op.create_table(
        "consults",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("urgency", sa.String(12), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("wait_seconds", sa.Integer(), nullable=False),
        sa.Column("requester", sa.String(255), nullable=False),
        sa.Column("consultant", sa.String(255), nullable=True),
        sa.Column("origin", sa.String(255), nullable=False),
        sa.Column("thread", sa.String(255), nullable=False),
        sa.Column("room", sa.String(12), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=True),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("read_back", sa.LargeBinary(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("paged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
    )
    for column in ("state", "requester", "consultant", "room_id"):
        op.create_index(f"ix_consults_{column}", "consults", [column])
    op.create_table(
        "consult_pages",
        sa.Column("consult", sa.String(16)),
        sa.Column("number", sa.Integer(), autoincrement=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("out", sa.String(26), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consult", "number"),
        sa.ForeignKeyConstraint(["consult"], ["consults.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_consult_pages_user_id", "consult_pages", ["user_id"])
