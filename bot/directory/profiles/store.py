"""Where profiles are kept: sealed, with keyed search tokens for those who agreed to be listed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Column, String, Table, delete, exists, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.directory.profiles.rules import Profile, tokens
from bot.directory.store import mac
from bot.kernel.db import Sealed, Tx, UtcTime, metadata

profile_rows = Table(
    "profiles",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column("fields", Sealed, nullable=False),
    Column("before", Sealed, nullable=True),  # what the last change replaced
    Column("changed_at", UtcTime, nullable=False),
)
token_rows = Table(
    "profile_tokens",
    metadata,
    Column("token", String(32), primary_key=True),
    Column("user_id", String(255), primary_key=True, index=True),
)
_TOKEN_LENGTH = 32  # hexadecimal digits: 128 bits


async def load(tx: Tx, user_id: str) -> Profile | None:
    """Somebody's profile."""
    row = (await tx.conn.execute(select(profile_rows).where(profile_rows.c.user_id == user_id))).first()
    return None if row is None else _profile(tx.open(profile_rows.c.fields, user_id, row.fields))


async def before(tx: Tx, user_id: str) -> Profile | None:
    """What somebody's last change replaced."""
    query = select(profile_rows.c.before).where(profile_rows.c.user_id == user_id)
    sealed = (await tx.conn.execute(query)).scalar()
    return None if sealed is None else _profile(tx.open(profile_rows.c.before, user_id, sealed))


async def keep(tx: Tx, user_id: str, profile: Profile, earlier: Profile) -> None:
    """Keep a profile, with the one that it replaces, and make it findable if it is listed."""
    changing = {
        "fields": tx.seal(profile_rows.c.fields, user_id, asdict(profile)),
        "before": tx.seal(profile_rows.c.before, user_id, asdict(earlier)),
        "changed_at": tx.now,
    }
    fresh = _insert(tx)(profile_rows).values(user_id=user_id, **changing)
    await tx.conn.execute(fresh.on_conflict_do_update(index_elements=[profile_rows.c.user_id], set_=changing))
    await tx.conn.execute(delete(token_rows).where(token_rows.c.user_id == user_id))
    found = [{"token": token(tx, *one), "user_id": user_id} for one in tokens(profile)]
    if found:
        await tx.conn.execute(insert(token_rows), found)


async def erase(tx: Tx, user_id: str) -> bool:
    """Erase somebody's profile; False if there was none."""
    await tx.conn.execute(delete(token_rows).where(token_rows.c.user_id == user_id))
    gone = await tx.conn.execute(delete(profile_rows).where(profile_rows.c.user_id == user_id))
    return gone.rowcount > 0


async def search(
    tx: Tx, groups: Sequence[Collection[tuple[str, str]]], limit: int
) -> list[tuple[str, Profile]]:
    """The listed profiles that have a token of every group, the latest changed first."""
    first, *others = [[token(tx, *one) for one in group] for group in groups]
    query = (
        select(profile_rows.c.user_id, profile_rows.c.fields)
        .where(
            profile_rows.c.user_id.in_(select(token_rows.c.user_id).where(token_rows.c.token.in_(first))),
            *(
                exists().where(token_rows.c.user_id == profile_rows.c.user_id, token_rows.c.token.in_(group))
                for group in others
            ),
        )
        .order_by(profile_rows.c.changed_at.desc(), profile_rows.c.user_id)
        .limit(limit)
    )
    return [
        (row.user_id, _profile(tx.open(profile_rows.c.fields, row.user_id, row.fields)))
        for row in await tx.conn.execute(query)
    ]


def token(tx: Tx, kind: str, value: str) -> str:
    """What a profile is found by, keyed, so that the database alone does not tell who is what."""
    return mac(tx, "search", kind, value)[:_TOKEN_LENGTH]


def _profile(fields: dict[str, Any]) -> Profile:
    return Profile(**{**fields, "languages": tuple(fields["languages"])})


def _insert(tx: Tx) -> Any:
    return sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
