"""The web part against what OWASP's lists begin with: headers, cookies, methods, sizes, forgery, echoes."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from bot.directory.standing import Level
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError
from bot.settings import WebSettings, load
from bot.web.health import Health
from bot.web.server import WebServer
from tests.directory.mischief import Mischief
from tests.directory.stage import ANNA, COOKIE, Page, SignInStage

WANTED = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "Curbside",
}


def guarded(page: Page) -> None:
    for name, value in WANTED.items():
        assert page.headers[name] == value, name
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "script" not in page.text.lower()
    for sign in ("http://", "https://", "//", "src=", "@import", "url("):
        assert sign not in page.text, sign
    assert "Traceback" not in page.text and "aiohttp" not in page.text


async def test_every_page_is_guarded(stage: SignInStage) -> None:
    browser = stage.browser()
    link = await stage.link()
    page = await browser.get(link)
    guarded(page)
    guarded(await browser.get(f"{stage.url}/verify/{'x' * 43}"))
    guarded(await browser.get(f"{stage.url}/verify/callback"))
    guarded(await browser.get(f"{stage.url}/verify/callback?state=x&code=y"))
    asked = await browser.press(page)
    for name, value in WANTED.items():
        assert asked.headers[name] == value
    for path in (
        "/",
        "/verify",
        "/verify/",
        "/verify/short",
        "/verify/callback/more",
        "/favicon.ico",
        "/livez",
    ):
        answer = await browser.get(stage.url + path)
        assert (
            answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Server"] == "Curbside"
        )
        assert len(answer.text) < 40


async def test_the_cookie_is_for_this_host_over_tls_only(stage: SignInStage) -> None:
    page = await stage.browser().get(await stage.link())
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)


async def test_pages_are_readable_without_scripts_on_a_phone_in_two_languages(stage: SignInStage) -> None:
    browser = stage.browser()
    page = await browser.get(await stage.link())
    assert '<html lang="en">' in page.text and "width=device-width" in page.text
    assert page.text.count("<button>") == 1 and "<label" not in page.text
    german = await browser.get(
        f"{stage.url}/verify/{'x' * 43}", headers={"Accept-Language": "de-DE,de;q=0.9,en;q=0.8"}
    )
    assert '<html lang="de">' in german.text and "Link" in german.heading and "no longer" not in german.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"])
async def test_other_methods_are_refused(stage: SignInStage, method: str) -> None:
    link = await stage.link()
    for url in (link, f"{stage.url}/verify/callback", f"{stage.url}/livez"):
        answer = await stage.browser().request(method, url)
        assert answer.status == 405 and "GET" in answer.headers["Allow"]
    assert (await stage.browser().request("POST", f"{stage.url}/verify/callback")).status == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_form_of_another_site_is_refused(stage: SignInStage, headers: dict[str, str]) -> None:
    browser = stage.browser()
    page = await browser.get(link := await stage.link())
    token = page.find(r'name="token" value="([^"]+)"') or ""
    answer = await browser.request("POST", link, form={"token": token}, headers=headers)
    assert (answer.status, answer.heading) == (403, "This page was not reached from here")
    # What browsers themselves send from our page, old and new ones.
    for own in ({}, {"Origin": "null"}, {"Origin": stage.url, "Sec-Fetch-Site": "same-origin"}):
        answer = await browser.request("POST", link, form={"token": token}, headers=own)
        assert answer.status == 303, own


async def test_a_form_without_its_cookie_or_token_is_refused(stage: SignInStage) -> None:
    browser, other = stage.browser(), stage.browser()
    page = await browser.get(link := await stage.link())
    foreign = await other.get(link)
    token = foreign.find(r'name="token" value="([^"]+)"') or ""
    assert (await stage.browser().press(page)).heading == "Your browser did not send its cookie"
    for form in ({}, {"token": ""}, {"token": token}, {"token": "0" * 64}):
        assert (await browser.request("POST", link, form=form)).status == 403
    assert (await browser.press(page)).status == 303


async def test_large_and_odd_bodies_are_refused(stage: SignInStage) -> None:
    link = await stage.link()
    browser = stage.browser()
    page = await browser.get(link)
    token = page.find(r'name="token" value="([^"]+)"') or ""
    assert (await browser.request("POST", link, form={"token": token, "x": "x" * 70_000})).status == 413
    cookie = "; ".join(f"{k}={v}" for k, v in browser.cookies[urlsplit(stage.url).netloc].items())

    async def endless() -> Any:
        for _ in range(40):
            yield b"x" * 4096

    for body, kind, status in (
        (endless(), "application/x-www-form-urlencoded", 413),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded", 403),
        (b"\xff\xfe\x00", "text/plain", 403),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 403),
    ):
        headers = {"Cookie": cookie, "Content-Type": kind}
        async with stage.session.post(link, data=body, headers=headers) as got:
            assert got.status == status and "Traceback" not in await got.text()


async def test_what_a_visitor_sends_is_not_shown(stage: SignInStage) -> None:
    browser = stage.browser()
    mark = "<script>alert('mark-7f3k')</script>"
    for query in ({"state": mark, "code": mark}, {"error": mark, "error_description": mark}, {mark: mark}):
        async with stage.session.get(f"{stage.url}/verify/callback", params=query) as answer:
            assert answer.status == 403
            assert "mark-7f3k" not in await answer.text()
    page = await browser.get(
        f"{stage.url}/verify/callback", headers={"Accept-Language": mark, "Cookie": mark}
    )
    assert "mark-7f3k" not in page.text and "mark-7f3k" not in str(page.headers)


async def test_redirects_lead_to_the_provider_alone(stage: SignInStage, provider: Mischief) -> None:
    browser = stage.browser()
    link = await stage.link()
    page = await browser.get(link + "?next=https://evil.example&redirect_uri=https://evil.example")
    asked = await browser.request(
        "POST",
        link + "?next=https://evil.example",
        form={"token": page.find(r'value="([^"]+)"') or "", "redirect_uri": "https://evil.example"},
        headers={"Host": urlsplit(stage.url).netloc, "X-Forwarded-Host": "evil.example"},
    )
    assert asked.location.startswith(provider.url) and "evil" not in asked.location


@pytest.mark.parametrize(
    "path",
    [
        "/verify/../metrics",
        "/verify/..%2f..%2fetc%2fpasswd",
        "/verify/%2e%2e/%2e%2e/roster.toml",
        "/verify/" + "%00" * 43,
        "/verify/" + "A" * 5000,
        "//evil.example/verify/x",
    ],
)
async def test_no_path_leads_out(stage: SignInStage, path: str) -> None:
    parts = urlsplit(stage.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        answer = (await asyncio.wait_for(reader.read(), 20)).decode(errors="replace")
    finally:
        writer.close()
    assert answer.split()[1] in ("400", "404", "414"), answer[:200]
    assert "root:" not in answer and "Traceback" not in answer


async def test_one_address_that_guesses_is_stopped_and_others_are_not(stage: SignInStage) -> None:
    browser = stage.browser()
    answers = [(await browser.get(f"{stage.url}/verify/{'x' * 42}{n % 10}")).status for n in range(30)]
    assert answers == [410] * 20 + [429] * 10
    link = await stage.link()
    page = await browser.get(link)
    assert (page.status, page.heading, page.headers["Retry-After"]) == (429, "Too many attempts", "60")
    # A caller cannot take another address by saying so: only a proxy of ours is believed.
    page = await browser.get(link, headers={"X-Forwarded-For": "198.51.100.7"})
    assert page.status == 429
    behind = stage.house.settings.web.model_copy(update={"proxies": ("127.0.0.1",)})
    object.__setattr__(stage.house.settings, "web", behind)
    page = await browser.get(link, headers={"X-Forwarded-For": "203.0.113.1, 198.51.100.7"})
    assert page.status == 200


async def test_a_page_that_fails_shows_nothing_of_it(tmp_path: Path) -> None:
    async def fails(_request: web.Request) -> web.Response:
        raise RuntimeError("patient Jane")

    async def hangs(_request: web.Request) -> web.Response:
        raise CurbsideError("The password is hunter2.")

    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'c.db'}", None, None)  # type: ignore[arg-type]
    routes = [web.get("/fails", fails), web.get("/hangs", hangs)]
    server = WebServer(WebSettings(port=0), Health(), database, routes)
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            for path in ("fails", "hangs"):
                async with session.get(f"http://127.0.0.1:{server.port}/{path}") as answer:
                    assert (answer.status, await answer.text()) == (500, "something went wrong\n")
                    assert answer.headers["Cache-Control"] == "no-store"
    finally:
        await server.stop()


async def test_the_database_away_is_a_page_too(stage: SignInStage) -> None:
    link = await stage.link()
    await stage.database.close()
    path = Path(stage.database.url.partition(":///")[2])
    path.write_bytes(b"not a database at all, and long enough to be looked at")
    page = await stage.browser().get(link)
    assert (page.status, page.heading) == (503, "The sign-in does not answer")
    guarded(page)
    assert ANNA not in page.text


async def test_without_a_sign_in_there_are_no_pages(tmp_path: Path) -> None:
    from tests.directory.stage import sign_in_stage

    async with sign_in_stage(tmp_path, "http://127.0.0.1:1") as stage:
        link = await stage.link()
        off = stage.house.settings.verification.oidc.model_copy(update={"issuer": ""})
        verification = stage.house.settings.verification.model_copy(update={"oidc": off})
        object.__setattr__(stage.house.settings, "verification", verification)
        assert (await stage.browser().get(link)).status == 404
        assert await stage.level() == Level.L0


def test_settings_of_a_sign_in_are_checked_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "curbside.toml"
    start = """hospital = "North"
homeserver = "http://127.0.0.1:1"
server_name = "north.example"
[bots.curbside]
user_id = "@curbside:north.example"
token_file = "token"
"""
    oidc = '[verification.oidc]\nissuer = "https://login.north.example"\n'
    whole = oidc + 'client_id = "c"\nrequire = { role = ["physician"] }\n'
    for text, words in (
        (oidc, "verification.oidc: client_id is required"),
        (oidc + 'client_id = "c"\n', "verification.oidc: require: name the claim of a clinician"),
        (whole, "web.public_url: is required for verification.oidc"),
        (whole.replace("https:", "http:"), "verification.oidc.issuer: must be a URL such as https://"),
        ('[web]\npublic_url = "http://curbside.example"\n', "web.public_url: must be a URL such as https://"),
        ('[verification.email]\nhost = "mail.example"\n', "verification.email: sender is required"),
        ('[verification.ldap]\nurl = "http://x"\n', "verification.ldap.url: must be a URL such as ldaps://"),
        ('[verification.scim]\nurl = "https://x.example"\n', "verification.scim: user is required"),
    ):
        config.write_text(start + text)
        with pytest.raises(CurbsideError) as error:
            load(config)
        assert str(error.value).startswith(words), str(error.value)
    config.write_text(start + whole + '[web]\npublic_url = "https://curbside.north.example"\n')
    assert load(config).verification.oidc.prompt == "login"
