"""Signing in at a real OpenID provider: its login and consent pages, driven as a browser would."""

from pathlib import Path
from typing import Any

import pytest

from bot.directory import store
from bot.directory.standing import Level
from tests.directory.stage import ANNA, BEN, Browser, Page, SignInStage, sign_in_stage
from tests.support.oidcprovider import free_port, oidc_provider

ACCOUNTS = {
    "anna.berg": {
        "name": "Anna Berg",
        "role": "physician",
        "npi": "1234567893",
        "preferred_username": "anna",
    },
    "paul.porter": {"role": "porter", "preferred_username": "ben"},
}


async def follow(browser: Browser, page: Page) -> Page:
    """Follow redirects to the next page that is shown."""
    for _ in range(10):
        if page.status not in (301, 302, 303, 307):
            return page
        page = await browser.get(page.location)
    raise AssertionError(f"no end of redirects: {page}")


async def sign_in(stage: SignInStage, browser: Browser, login: str, user_id: str = ANNA) -> Page:
    page = await follow(browser, await browser.press(await browser.get(await stage.link(user_id))))
    assert "login" in page.text and page.status == 200, page
    page = await follow(browser, await browser.press(page, login=login, password="any"))
    assert "consent" in page.text, page
    return await follow(browser, await browser.press(page))


@pytest.mark.parametrize(
    ("options", "oidc"),
    [
        ({}, {}),
        ({"id_token_claims": True}, {"account_claim": "preferred_username"}),
        ({"secret": "s" * 40, "method": "client_secret_basic"}, {"client_secret_file": "secret"}),
    ],
    ids=["public client, userinfo", "claims in the ID token", "confidential client"],
)
async def test_a_clinician_signs_in(tmp_path: Path, options: dict[str, Any], oidc: dict[str, Any]) -> None:
    (tmp_path / "secret").write_text("s" * 40)
    port, provider_port = free_port(), free_port()
    async with (
        oidc_provider(
            f"http://127.0.0.1:{port}/verify/callback", ACCOUNTS, port=provider_port, **options
        ) as issuer,
        sign_in_stage(tmp_path, issuer, port=port, **oidc) as stage,
    ):
        page = await sign_in(stage, stage.browser(), "anna.berg")
        assert (page.status, page.heading) == (200, "Done: your account is verified"), page
        assert await stage.level() == Level.L3
        async with stage.database.read() as tx:
            assert await store.ref_of(tx, ANNA, "oidc") == "NPI 1234567893"
        # Somebody without the role, in another browser, is refused.
        page = await sign_in(stage, stage.browser(), "paul.porter", BEN)
        assert (page.status, page.heading) == (403, "You are not known as a clinician there")
        assert await stage.level(BEN) == Level.L0
        # The colleague's session on a shared workstation does not sign Ben in: he is asked who he is.
        shared = stage.browser()
        assert (await sign_in(stage, shared, "anna.berg")).status == 200
        page = await follow(shared, await shared.press(await shared.get(await stage.link(BEN))))
        assert 'name="login"' in page.text
        assert await stage.level(BEN) == Level.L0


async def test_a_login_that_is_broken_off_changes_nothing(tmp_path: Path) -> None:
    port, provider_port = free_port(), free_port()
    callback = f"http://127.0.0.1:{port}/verify/callback"
    async with (
        oidc_provider(callback, ACCOUNTS, port=provider_port) as issuer,
        sign_in_stage(tmp_path, issuer, port=port) as stage,
    ):
        browser = stage.browser()
        page = await follow(browser, await browser.press(await browser.get(await stage.link())))
        cancel = page.find(r'href="([^"]*abort)"')
        assert cancel is not None
        page = await follow(browser, await browser.get(issuer + cancel if cancel[0] == "/" else cancel))
        assert (page.status, page.heading) == (200, "You have not signed in")
        assert await stage.level() == Level.L0 and await stage.refusals() == ["cancelled"]
