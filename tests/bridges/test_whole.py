"""A whole Curbside on a real homeserver, with a real SMS gateway: a STAT page goes out by SMS, the process is
killed on the way, the answer by SMS accepts the consult, and the requester sees each step."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from click.testing import CliRunner

from bot.cli.main import curbside
from bot.dev.clinician import Clinician
from tests.bench.rig import direct_chat
from tests.support.house import Running, wait_ready

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.dev.synapse import Homeserver
    from tests.support.kannel import Kannel

PHONE = "+491709999999"
_WAIT = 120.0


def _table(options: dict[str, object]) -> str:
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in options.items())


async def test_a_stat_page_by_sms_is_answered_by_sms(
    homeserver: Homeserver,
    gateway: Kannel,
    clinician: Callable[..., Awaitable[Clinician]],
    tmp_path: Path,
) -> None:
    running = Running(homeserver, tmp_path / "house")
    await running.prepare(
        prefix=f"sms{uuid4().hex[:6]}-", tables=f"[bridges.sms]\n{_table(gateway.options())}\n"
    )
    gateway.call_back_to(running.port)
    asker, first = await clinician(homeserver, "asker"), await clinician(homeserver, "first")
    running.write_roster(
        f"""[policies.cardiac]
stat = {{ tiers = [{{ ask = "service", wait = "10m", channels = ["sms"] }}] }}
[services.cardiology]
name = "Cardiology"
on_call = ["{first.user_id}"]
policy = "cardiac"
[clinicians."{first.user_id}"]
name = "Dr Anna Berg"
sms = "{PHONE}"
"""
    )

    def shows(text: str) -> Callable[[dict[str, Any]], bool]:
        def seen(event: dict[str, Any]) -> bool:
            content = event["content"].get("m.new_content") or event["content"]
            return text in str(content.get("body"))

        return seen

    running.start(CURBSIDE_FAILPOINT="bridge.after_deliver")
    try:
        await wait_ready(running)
        chat = await direct_chat(asker, running.user_id("curbside"), encrypted=True)
        await asker.send(chat, "!consult cardiology stat new AF, rate 140: cardiovert?")
        assert running.process is not None
        assert await asyncio.to_thread(running.process.wait, _WAIT) == -9
        running.start()
        await wait_ready(running)
        page = await first.wait_for(
            lambda event: event["content"].get("org.curbside", {}).get("kind") == "consult.page",
            timeout=_WAIT,
        )
        consult = page["content"]["org.curbside"]["id"]
        await asker.wait_for(shows("✓ SMS to Dr Anna Berg: arrived"), timeout=_WAIT)
        assert gateway.count(consult) == 1
        await gateway.connect(f"{PHONE} 1")
        await gateway.got(f"{consult}: you have it")
        await asker.wait_for(shows("Dr Anna Berg has accepted"), timeout=_WAIT)
        assert gateway.count(consult) == 2  # the page, and what was written back
        config = str(running.folder / "curbside.toml")
        invoke = CliRunner().invoke
        done = await asyncio.to_thread(invoke, curbside, ["bridge", "check", "sms", "--config", config])
        assert (done.exit_code, done.output) == (0, "bridges.sms: its peer can be used\n")
        done = await asyncio.to_thread(invoke, curbside, ["bridge", "list", "--config", config])
        assert done.output == "sms (kannel): runs; 0 waiting, 0 given up\n"
        assert await running.stop() == 0
    finally:
        running.kill()
