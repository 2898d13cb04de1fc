"""The jobs. What people wrote is sealed; everything else holds no words of theirs."""

from sqlalchemy import Column, String, Table, delete, insert, select

from bot.kernel.db import Sealed, Tx, metadata
from bot.kernel.ids import short_id

_ID, _ROOM = Column("id", String(16), primary_key=True), Column("room", String(255), nullable=False)
jobs = Table("wardjobs_jobs", metadata, _ID, _ROOM, Column("what", Sealed, nullable=False))


async def add(tx: Tx, room: str, what: str) -> str:
    job = short_id("J")  # should it be taken, the transaction fails and the engine runs it again
    await tx.conn.execute(insert(jobs).values(id=job, room=room, what=tx.seal(jobs.c.what, job, what)))
    return job


async def in_room(tx: Tx, room: str) -> dict[str, str]:
    rows = await tx.conn.execute(select(jobs).where(jobs.c.room == room).order_by(jobs.c.id))
    return {row.id: tx.open(jobs.c.what, row.id, row.what) for row in rows}


async def remove(tx: Tx, room: str, job: str) -> bool:
    return (await tx.conn.execute(delete(jobs).where(jobs.c.room == room, jobs.c.id == job))).rowcount > 0
