"""E-mail leaves the outbox for a real mail server: once, over TLS, and what is refused is told."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot import logs
from bot.directory.mail import CHANNEL, GIVE_UP, Sender, Unsendable, compose
from bot.kernel import inbox, outbox
from bot.kernel.clock import ManualClock, SystemClock
from bot.kernel.db import Database
from bot.kernel.outbox import OutboxRow, Outgoing
from bot.kernel.sealing import KeyRing
from bot.settings import Settings
from tests.support.mailserver import DOMAIN, PASSWORD, USER, MailServer
from tests.support.migrated import put_tables

CODE = "Ihr Code: ABCD-EFGH\n\nGrüße – Curbside"


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[MailServer]:
    running = await MailServer.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
async def database(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Database]:
    await put_tables(tmp_path / "c.db")
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'c.db'}", clock, KeyRing([b"k" * 32]))
    yield opened
    await opened.close()


def settings_for(server: MailServer, folder: Path, **email: Any) -> Settings:
    return Settings(
        base=folder,
        hospital="Nordklinik, Haus 1",
        homeserver="http://127.0.0.1:1",
        server_name="north.example",
        bots={"curbside": {"user_id": "@curbside:north.example", "token_file": "unused"}},
        verification={
            "ca_file": server.ca_file,
            "email": {"host": "127.0.0.1", "port": server.port, "sender": f"curbside@{DOMAIN}", **email},
        },
    )


def sender_for(server: MailServer, database: Database, folder: Path, **email: Any) -> Sender:
    return Sender(settings_for(server, folder, **email), database, ["curbside"])


async def put(database: Database, to: str, subject: str = "Ihr Code für Nordklinik", text: str = CODE) -> str:
    async with database.begin() as tx:
        body = {"to": to, "subject": subject, "text": text}
        out = Outgoing(
            "curbside", f"mail {to}", "send", body, channel=CHANNEL, topic="test.mailed", ref="r-1"
        )
        return await outbox.put(tx, out)


async def state(database: Database, row_id: str) -> tuple[str, str | None]:
    async with database.read() as tx:
        rows = outbox.outbox_rows.c
        row = (await tx.conn.execute(select(rows.state, rows.error).where(rows.id == row_id))).one()
        return row.state, row.error


async def told(database: Database) -> list[Any]:
    async with database.begin() as tx:
        found = []
        while (entry := await inbox.claim(tx)) is not None:
            found.append(entry.payload["error"])
            await inbox.mark_done(tx, entry.id)
        return found


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_arrives_as_it_should(
    server: MailServer, database: Database, tmp_path: Path, security: str
) -> None:
    port = server.port if security == "starttls" else server.tls_port
    before = len(await server.mail_of("anna", 0))
    row_id = await put(database, f"anna@{DOMAIN}")
    assert await sender_for(server, database, tmp_path, security=security, port=port).send_some()
    message = (await server.mail_of("anna", before + 1))[-1]
    assert message["From"].addresses[0].addr_spec == f"curbside@{DOMAIN}"
    assert message["From"].addresses[0].display_name == "Curbside, Nordklinik, Haus 1"
    assert (message["To"], message["Subject"]) == (f"anna@{DOMAIN}", "Ihr Code für Nordklinik")
    assert message["Message-ID"] == f"<{row_id}.curbside@{DOMAIN}>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.tzinfo is not None
    assert (message.get_content_type(), message.get_content_charset()) == ("text/plain", "utf-8")
    assert message.get_content().replace("\r\n", "\n").strip() == CODE
    assert " with ESMTPS id " in message["Received"]
    assert await state(database, row_id) == ("sent", None)
    assert await told(database) == [None]
    assert not await sender_for(server, database, tmp_path).send_some()


async def test_several_processes_send_once(server: MailServer, database: Database, tmp_path: Path) -> None:
    before = len(await server.mail_of("ben", 0))
    for number in range(6):
        await put(database, f"ben@{DOMAIN}", subject=f"No. {number}")
        async with database.begin() as tx:  # a lane of its own for each
            await tx.conn.execute(
                outbox.outbox_rows.update()
                .where(outbox.outbox_rows.c.lane == f"curbside mail ben@{DOMAIN}")
                .values(lane=f"curbside {number}")
            )
    others = [
        Database(database.url, database.clock, database.keys),
        Database(database.url, database.clock, database.keys),
    ]
    senders = [sender_for(server, one, tmp_path) for one in (database, *others)]
    await asyncio.gather(*(sender.send_some() for sender in senders for _ in range(2)))
    for sender in senders:
        while await sender.send_some():
            pass
    mails = await server.mail_of("ben", before + 6)
    assert sorted(mail["Subject"] for mail in mails[before:]) == [f"No. {n}" for n in range(6)]
    for other in others:
        await other.close()


async def test_a_crash_between_sending_and_noting_leaves_a_recognisable_copy(
    server: MailServer,
    database: Database,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = len(await server.mail_of("anna", 0))
    row_id = await put(database, f"anna@{DOMAIN}")

    async def dies(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "mark_sent", dies)
        with pytest.raises(SystemExit):
            await sender_for(server, database, tmp_path).send_some()
    sender = sender_for(server, database, tmp_path)
    assert not await sender.send_some()  # for a while it may still be under way elsewhere
    clock.advance(timedelta(minutes=6))
    assert await sender.send_some()
    copies = (await server.mail_of("anna", before + 2))[before:]
    assert {copy["Message-ID"] for copy in copies} == {f"<{row_id}.curbside@{DOMAIN}>"}


async def test_refused_for_good_and_refused_for_now(
    server: MailServer, database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    server.set_recipients(
        {"full": "452 4.2.2 over quota", "gone": "550 5.7.1 no"}, ("anna", "ben", "full", "gone")
    )
    server.pause()
    await server.resume()
    before = len(await server.mail_of("anna", 0))
    gone, nobody = await put(database, f"gone@{DOMAIN}"), await put(database, f"nobody@{DOMAIN}")
    full, fine = await put(database, f"full@{DOMAIN}"), await put(database, f"anna@{DOMAIN}")
    sender = sender_for(server, database, tmp_path)
    assert await sender.send_some()
    assert await state(database, gone) == ("failed", "smtp-550")
    assert await state(database, nobody) == ("failed", "smtp-550")
    assert await state(database, full) == ("pending", "smtp-452")
    assert await state(database, fine) == ("sent", None)
    assert len(await server.mail_of("anna", before + 1)) == before + 1
    assert sorted(await told(database), key=str) == [None, "smtp-550", "smtp-550"]
    assert not await sender.send_some()  # not before its time
    clock.advance(timedelta(seconds=10))
    assert await sender.send_some()
    assert await state(database, full) == ("pending", "smtp-452")
    clock.advance(GIVE_UP)
    assert await sender.send_some()
    assert await state(database, full) == ("failed", "smtp-452")
    assert await told(database) == ["smtp-452"]


async def test_a_server_that_is_away_is_waited_for(
    server: MailServer, database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    row_id = await put(database, f"ben@{DOMAIN}", subject="after the outage")
    server.pause()
    sender = sender_for(server, database, tmp_path)
    try:
        assert await sender.send_some()
        assert await state(database, row_id) == ("pending", "unreachable")
    finally:
        await server.resume()
    clock.advance(timedelta(seconds=30))
    assert await sender.send_some()
    assert await state(database, row_id) == ("sent", None)


async def test_a_server_that_cannot_prove_itself_gets_nothing(
    server: MailServer, database: Database, tmp_path: Path
) -> None:
    for email, ca in (
        ({"port": server.port}, None),  # an authority that nobody knows
        ({"port": server.tls_port, "security": "tls"}, None),
    ):
        row_id = await put(database, f"anna@{DOMAIN}")
        settings = settings_for(server, tmp_path, **email)
        verification = settings.verification.model_copy(update={"ca_file": ca})
        object.__setattr__(settings, "verification", verification)
        assert await Sender(settings, database, ["curbside"]).send_some()
        assert await state(database, row_id) == ("pending", "unreachable")
        async with database.begin() as tx:
            await outbox.mark_failed(tx, row_id, "over")
    # Plain, where the server demands TLS: refused by it, and it is our settings' fault, not the recipient's.
    row_id = await put(database, f"anna@{DOMAIN}")
    assert await sender_for(server, database, tmp_path, security="none").send_some()
    assert await state(database, row_id) == ("pending", "unreachable")


async def test_a_login_is_made_and_a_wrong_one_is_not_the_recipients_fault(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    server = await MailServer.start(auth=True)
    try:
        (tmp_path / "password").write_text("wrong")
        row_id = await put(database, f"anna@{DOMAIN}")
        login = {"user": f"{USER}@{DOMAIN}", "password_file": "password"}
        sender = sender_for(server, database, tmp_path, **login)
        assert await sender.send_some()
        assert (await state(database, row_id))[0] == "pending"
        (tmp_path / "password").write_text(PASSWORD + "\n")
        clock.advance(timedelta(minutes=5))
        assert await sender.send_some()
        assert await state(database, row_id) == ("sent", None), server.log()
        assert len(await server.mail_of("anna")) == 1
    finally:
        server.stop()


async def test_logs_hold_no_address_and_no_text(
    server: MailServer, database: Database, tmp_path: Path
) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        await put(database, f"nobody@{DOMAIN}")
        await put(database, f"anna@{DOMAIN}")
        await sender_for(server, database, tmp_path).send_some()
        await put(database, f"anna@{DOMAIN}")
        await sender_for(server, database, tmp_path, port=1).send_some()
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert "a mail was refused" in written.getvalue()
    for word in ("nobody@", "anna@", "ABCD", "Nordklinik"):
        assert word not in written.getvalue(), written.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        {"to": "anna@hospital.example\r\nBcc: eve@evil.example", "subject": "x", "text": "y"},
        {"to": "anna@hospital.example, eve@evil.example", "subject": "x", "text": "y"},
        {"to": "anna@hospital.example", "subject": "x\r\nBcc: eve@evil.example", "text": "y"},
        {"to": "", "subject": "x", "text": "y"},
        {"subject": "x", "text": "y"},
    ],
)
def test_nothing_breaks_out_of_a_header(body: dict[str, str], clock: ManualClock) -> None:
    now = clock.now()
    row = OutboxRow("01K", "curbside", CHANNEL, "l", "r", "send", body, None, None, 0, now, now)
    with pytest.raises(Unsendable):
        compose(row, f"curbside@{DOMAIN}", "Nord\r\nX: y" if "Bcc" in body.get("to", "") else "Nord")
