"""From `!verify` in a chat to a level: a whole Curbside, a real provider, a real mail server."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.dev.synapse import Homeserver
from tests.directory.stage import Browser
from tests.directory.test_real_provider import follow
from tests.support.house import Running, wait_ready
from tests.support.mailserver import DOMAIN, MailServer
from tests.support.oidcprovider import free_port, oidc_provider
from tests.support.people import Stage

SETTINGS = """
verification.ca_file = "{ca_file}"
verification.oidc.issuer = "{issuer}"
verification.oidc.client_id = "curbside"
verification.oidc.require = {{ role = ["physician"] }}
verification.email.host = "127.0.0.1"
verification.email.port = {port}
verification.email.sender = "curbside@{domain}"
verification.email.domains."{domain}" = "Hospital"
"""


async def test_a_clinician_proves_themselves_by_mail_and_by_sign_in(
    homeserver: Homeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(Running(homeserver, tmp_path / "house"))
    (tmp_path / "house").mkdir()
    url = f"http://127.0.0.1:{stage.running.port}"
    monkeypatch.setenv("CURBSIDE_WEB__PUBLIC_URL", url)
    accounts: dict[str, dict[str, Any]] = {"anna.berg": {"role": "physician"}}
    mail = await MailServer.start()
    try:
        async with oidc_provider(f"{url}/verify/callback", accounts, port=free_port()) as issuer:
            stage.moderator = await stage.person("mira")
            settings = SETTINGS.format(ca_file=mail.ca_file, issuer=issuer, port=mail.port, domain=DOMAIN)
            await stage.running.prepare(moderators=[stage.moderator.user_id], settings=settings)
            stage.bot = stage.moderator.bot = stage.running.user_id("curbside")
            stage.running.start()
            await wait_ready(stage.running)
            anna = await stage.person("anna")

            await anna.asks(f"!verify email anna@{DOMAIN}", "on its way")
            (message,) = await mail.mail_of("anna")
            assert message["Subject"] == "Your code for Curbside" and anna.user_id in message.get_content()
            code = re.match(r"[0-9A-Z]{4}-[0-9A-Z]{4}", message.get_content())
            assert code is not None
            await anna.asks(code[0], "L2")

            told = await anna.asks("!verify signin", "Open this link")
            link = re.search(r"http\S+/verify/\S+", str(told["content"]["body"]))
            assert link is not None and urlsplit(link[0]).netloc == urlsplit(url).netloc
            anna.mark = anna.client.bookmark()
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
                browser = Browser(session)
                page = await browser.get(link[0])
                assert anna.user_id in page.text
                page = await follow(browser, await browser.press(page))
                page = await follow(browser, await browser.press(page, login="anna.berg", password="any"))
                page = await follow(browser, await browser.press(page))
                assert page.heading == "Done: your account is verified", page
            await anna.reads("Your hospital’s sign-in has confirmed you", kind="verify")
            await anna.asks("!verify", "L3")

            status, said = await stage.command("directory", "status")
            assert status == 0 and "accounts verified by sign-in: 1" in said
            status, said = await stage.command("directory", "free", anna.user_id)
            assert status == 0, said
            await anna.asks("!verify", "L2")
            log = stage.running.log.read_text()
            for secret in (code[0], link[0].rpartition("/")[2], "anna@", "anna.berg", "physician"):
                assert secret not in log
    finally:
        stage.running.kill()
        mail.stop()
        await stage.close()
