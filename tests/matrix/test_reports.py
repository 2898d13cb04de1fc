"""What people report with their client reaches the moderators."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.dev.clinician import Clinician
from bot.dev.synapse import Homeserver, register_user
from bot.matrix.http import quoted
from bot.rooms import store as rooms
from tests.support.account import API, open_house
from tests.support.people import PATIENCE_S, is_membership

FILE = """name = "Test"
[templates.default]
level = "L0"
join = "public"
acl = false
[rooms.cardiology]
name = "Cardiology"
"""


async def test_a_clients_report_reaches_the_moderators_once(
    homeserver: Homeserver, tmp_path: Path, clinician: Callable[..., Awaitable[Clinician]]
) -> None:
    admin = await register_user(
        homeserver, f"admin-{tmp_path.name[-12:].lower()}", "only for tests", admin=True
    )
    (tmp_path / "token").write_text(admin.access_token)
    mira, ada, ben = await asyncio.gather(
        *(clinician(homeserver, name=name) for name in ("mira", "ada", "ben"))
    )
    tables = f'[moderation]\nreports_token_file = "{tmp_path / "token"}"\n'
    folder = tmp_path / "reports"
    async with open_house(homeserver, folder, moderators=[mira.user_id], tables=tables) as bot:
        (folder / "network.toml").write_text(FILE)
        people = [ada.user_id, ben.user_id]
        room = (await bot.does("room:network/cardiology", "create", invite=people)).room_id
        assert room is not None
        async with bot.database.begin() as tx:
            await rooms.place(tx, "cardiology", room)
        for one in (ada, ben):
            await one.wait_for(
                lambda event, who=one: is_membership(event, room, who.user_id, "join"), timeout=PATIENCE_S
            )
        event_id = await ada.send(room, "something rude")
        path = f"{API}/rooms/{quoted(room)}/report/{quoted(event_id)}"
        for _ in range(2):
            await ben.request("POST", path, {"reason": "rude words", "score": -50})
        told = await mira.wait_for_message(contains=ada.user_id, timeout=PATIENCE_S)
        assert "rude" not in told["content"]["body"]
        log = [one for one in mira.events if ada.user_id in str(one["content"].get("body"))]
        assert len({one["event_id"] for one in log if "m.relates_to" not in one["content"]}) == 1
