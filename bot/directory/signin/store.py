"""Links that were handed out, sign-ins under way, and which hospital account proved which Matrix account.

Codes, states, browsers and provider accounts are kept as keyed hashes only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Integer, String, Table, UniqueConstraint, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Sealed, Tx, UtcTime, metadata

link_rows = Table(
    "signin_links",
    metadata,
    Column("id", String(64), primary_key=True),  # of the code
    Column("user_id", String(255), nullable=False, index=True),
    Column("bot", String(64), nullable=False),
    Column("state", String(12), nullable=False),  # open, started, done
    Column("expires_at", UtcTime, nullable=False, index=True),
    Column("browser", String(64), nullable=True),  # the only one that may go on
    Column("starts", Integer, nullable=False),
    Column("asked", String(64), nullable=True),  # of the state that the provider will hand back
    Column("asked_at", UtcTime, nullable=True),
    Column("flow", Sealed, nullable=True),  # nonce and verifier
    UniqueConstraint("asked", name="uq_signin_links_asked"),
)
account_rows = Table(
    "signin_accounts",
    metadata,
    Column("id", String(64), primary_key=True),  # of issuer and subject
    Column("user_id", String(255), nullable=False, index=True),
    Column("since", UtcTime, nullable=False),
)

KEEP_EXPIRED = timedelta(days=1)  # so long a late visitor reads that the link is over, not that there is none


@dataclass(frozen=True)
class Link:
    """A link: for whom, how far it is, and what was asked of the provider."""

    id: str
    user_id: str
    bot: str
    state: str
    expires_at: datetime
    browser: str | None
    starts: int
    asked_at: datetime | None = None
    flow: Mapping[str, str] | None = None


def digest(tx: Tx, what: str, *values: str) -> str:
    """The keyed hash under which a secret or an account is kept (HMAC-SHA-256)."""
    text = "\0".join((what, *values))
    return hmac.new(
        tx.keys.derive("sign-in"), text.encode("utf-8", "surrogatepass"), hashlib.sha256
    ).hexdigest()


async def keep_link(tx: Tx, code: str, user_id: str, bot: str, expires_at: datetime) -> None:
    """Keep a new link; somebody's earlier ones end, and what is long over is forgotten."""
    over = (link_rows.c.user_id == user_id) | (link_rows.c.expires_at < tx.now - KEEP_EXPIRED)
    await tx.conn.execute(delete(link_rows).where(over))
    await tx.conn.execute(
        insert(link_rows).values(
            id=digest(tx, "code", code),
            user_id=user_id,
            bot=bot,
            state="open",
            expires_at=expires_at,
            starts=0,
        )
    )


async def link_of(tx: Tx, code: str) -> Link | None:
    """The link with this code, also one that is over."""
    query = select(link_rows).where(link_rows.c.id == digest(tx, "code", code))
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _link(tx, row)


async def start(tx: Tx, link: Link, browser: str, state: str, flow: Mapping[str, str], most: int) -> bool:
    """Note what the provider is asked, for this browser alone; False if the link is used up."""
    same = link_rows.c.browser.is_(None) | (link_rows.c.browser == browser)
    change = (
        update(link_rows)
        .where(link_rows.c.id == link.id, link_rows.c.state != "done", link_rows.c.expires_at > tx.now)
        .where(same, link_rows.c.starts < most)
        .values(
            state="started",
            browser=browser,
            starts=link_rows.c.starts + 1,
            asked=digest(tx, "state", state),
            asked_at=tx.now,
            flow=tx.seal(link_rows.c.flow, link.id, dict(flow)),
        )
    )
    return (await tx.conn.execute(change)).rowcount > 0


async def asked(tx: Tx, state: str) -> Link | None:
    """The link whose sign-in this state belongs to; locked until the transaction ends."""
    query = select(link_rows).where(link_rows.c.asked == digest(tx, "state", state)).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _link(tx, row)


async def take_state(tx: Tx, link: Link) -> None:
    """The provider has answered: its state is never taken again."""
    change = update(link_rows).where(link_rows.c.id == link.id).values(asked=None, asked_at=None, flow=None)
    await tx.conn.execute(change)


async def finish(tx: Tx, link: Link) -> bool:
    """The link has done its work; False if it had before, or a newer one took its place."""
    change = (
        update(link_rows)
        .where(link_rows.c.id == link.id, link_rows.c.state == "started")
        .values(state="done", asked=None, asked_at=None, flow=None)
    )
    return (await tx.conn.execute(change)).rowcount > 0


async def claim_account(tx: Tx, issuer: str, subject: str, user_id: str) -> bool:
    """Let a provider's account stand for a Matrix account; False if it stands for another one."""
    key = digest(tx, "account", issuer, subject)
    make = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    fresh = make(account_rows).values(id=key, user_id=user_id, since=tx.now).on_conflict_do_nothing()
    await tx.conn.execute(fresh)
    owner = (await tx.conn.execute(select(account_rows.c.user_id).where(account_rows.c.id == key))).scalar()
    return bool(owner == user_id)


async def free_accounts(tx: Tx, user_id: str) -> int:
    """Forget which provider accounts stood for somebody; returns how many."""
    return (await tx.conn.execute(delete(account_rows).where(account_rows.c.user_id == user_id))).rowcount


async def count_accounts(tx: Tx) -> int:
    """How many provider accounts have proved a Matrix account."""
    return int((await tx.conn.execute(select(func.count()).select_from(account_rows))).scalar_one())


def _link(tx: Tx, row: Any) -> Link:
    flow = tx.open(link_rows.c.flow, row.id, row.flow)
    return Link(
        row.id,
        row.user_id,
        row.bot,
        row.state,
        row.expires_at,
        row.browser,
        row.starts,
        row.asked_at,
        flow,
    )
