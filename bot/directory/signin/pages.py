"""The few pages of a sign-in: plain HTML in the person's language, without scripts or outside resources.

`GET /verify/CODE` shows whose account is meant and changes nothing; `POST` goes to the provider, which
sends the browser back to `/verify/callback`. Cross-site requests fail on the SameSite cookie, on a token in
the form that belongs to it, and on Origin and Sec-Fetch-Site (OWASP CSRF cheat sheet).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary

from aiohttp import web

from bot.chat import store as chat_store
from bot.chat.capability import Route
from bot.chat.desk import House
from bot.chat.i18n import LANGUAGES, Translator, message_id
from bot.chat.rich import Rich, verbatim
from bot.chat.store import Person
from bot.directory.signin import store
from bot.directory.signin.oidc import Refused, Unreachable
from bot.directory.signin.service import CALLBACK, SignIn, browser_fields, is_offered
from bot.directory.signin.store import Link
from bot.kernel.db import Database, DatabaseTrouble
from bot.kernel.errors import CurbsideError

log = logging.getLogger(__name__)

COOKIE = (
    "__Host-curbside-sign-in"  # the prefix keeps other hosts and plain HTTP from setting it (RFC 6265bis)
)
_COOKIE_SECONDS = 1800
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_PER_MINUTE = 120  # of one address: a whole hospital may sit behind it
_REFUSED_PER_MINUTE = 20
_MOST_ADDRESSES = 10_000

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:34rem;padding:1.5rem;color:#1b1b1b;"
    "background:#fff}h1{font-size:1.4rem}.who{font-weight:700;overflow-wrap:anywhere;padding:.8rem;"
    "border:2px solid #1b5e85;border-radius:.4rem}button{font:inherit;font-weight:700;width:100%;"
    "padding:.9rem;border:0;border-radius:.4rem;background:#1b5e85;color:#fff;cursor:pointer}"
    "button:focus-visible{outline:3px solid #f2a900}"
    "@media (prefers-color-scheme:dark){body{background:#121212;color:#eee}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    # Browsers apply form-action to the redirects after a form as well, and a provider may pass its visitor on
    # to another sign-in: any address over TLS will do there.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "form-action 'self' https:; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


# What people read when there is nothing to be had; the reasons are those of `Refused`, and our own.
_TITLE = {
    "link": message_id("This link is no longer valid"),
    "browser": message_id("This link belongs to another browser"),
    "cookie": message_id("Your browser did not send its cookie"),
    "origin": message_id("This page was not reached from here"),
    "cancelled": message_id("You have not signed in"),
    "late": message_id("That took too long"),
    "no-clinician": message_id("You are not known as a clinician there"),
    "other-account": message_id("That is somebody else’s Matrix account"),
    "taken": message_id("This hospital account is in use already"),
    "held": message_id("A moderator has to look at your account first"),
    "away": message_id("The sign-in does not answer"),
    "often": message_id("Too many attempts"),
    "other": message_id("That did not work"),
}
_TEXT = {
    "link": message_id("A link works once, and for 15 minutes. For a new one write `{command}` to the bot."),
    "browser": message_id(
        "It was opened in another browser before. Go on there, or write `{command}` to the bot for a new one."
    ),
    "cookie": message_id("Allow cookies for this page, then open the link in your chat again."),
    "origin": message_id("Open the link in your chat again."),
    "cancelled": message_id("Nothing was changed. To try again, open the link in your chat."),
    "late": message_id("Nothing was changed. To try again, write `{command}` to the bot for a new link."),
    "no-clinician": message_id(
        "You have signed in, but your hospital’s directory does not say that you are a clinician. "
        "Nothing was changed. For other ways write `{command}` to the bot, or ask a moderator."
    ),
    "other-account": message_id(
        "Your hospital knows you under another Matrix account than the one of this link. Nothing was changed."
    ),
    "taken": message_id(
        "It has already verified another Matrix account. Nothing was changed. If you have changed your "
        "Matrix account, ask a moderator to free the old one."
    ),
    "held": message_id("Nothing was changed. Please write to a moderator."),
    "away": message_id("Nothing was changed. Try again in a few minutes."),
    "often": message_id("Please wait a minute, then open the link again."),
    "other": message_id(
        "The answer of the sign-in was not valid, so nothing was changed. "
        "To try again, write `{command}` to the bot for a new link."
    ),
}
_STATUS = {"link": 410, "away": 503, "often": 429, "late": 410, "cancelled": 200}


@dataclass
class _Counter:
    """What the pages of one process share."""

    sign_in: SignIn
    asked: dict[str, list[datetime]] = field(default_factory=dict)
    refused: dict[str, list[datetime]] = field(default_factory=dict)

    @staticmethod
    def recent(uses: dict[str, list[datetime]], address: str, now: datetime) -> list[datetime]:
        """The uses of the last minute."""
        return [moment for moment in uses.get(address, ()) if (now - moment).total_seconds() < 60]

    def admit(self, address: str, now: datetime) -> None:
        """Raises Refused when an address asks too often, or has been refused too often."""
        often = self.count(self.asked, address, now) > _PER_MINUTE
        if often or len(self.recent(self.refused, address, now)) >= _REFUSED_PER_MINUTE:
            raise Refused("often")

    def count(self, uses: dict[str, list[datetime]], address: str, now: datetime) -> int:
        """Note a use; returns how many there were within a minute."""
        if len(uses) >= _MOST_ADDRESSES:
            uses.clear()
        uses[address] = [*self.recent(uses, address, now)[-_PER_MINUTE:], now]
        return len(uses[address])


_counters: WeakKeyDictionary[Database, _Counter] = WeakKeyDictionary()


async def show(house: House, database: Database, request: web.Request) -> web.StreamResponse:
    """Say whose account is meant, with one button."""

    async def page(counter: _Counter) -> web.StreamResponse:
        browser = _browser(request)
        link = await counter.sign_in.look(request.match_info["code"], browser)
        if link is None:
            raise Refused("link")
        browser = browser or secrets.token_urlsafe(32)
        t = await _translator(house, database, request, link)
        async with database.read() as tx:
            token = store.digest(tx, "form", browser, link.id)
        answer = _page(
            t,
            t("Verify your account"),
            [
                t("You are about to verify this Matrix account as a clinician’s:"),
                _who(link),
                t("Go on only if it is **your own**. If somebody sent you this link, close the page."),
            ],
            form=(token, t("Sign in at {hospital}", hospital=house.settings.hospital)),
            foot=t("Kept are that you signed in, and when. Your password stays with your hospital."),
        )
        answer.set_cookie(
            COOKIE, browser, max_age=_COOKIE_SECONDS, path="/", secure=True, httponly=True, samesite="Lax"
        )
        return answer

    return await _guarded(house, database, request, page)


async def start(house: House, database: Database, request: web.Request) -> web.StreamResponse:
    """Send the browser to the provider."""

    async def page(counter: _Counter) -> web.StreamResponse:
        browser = _browser(request)
        _check_origin(house, request)
        sent = await _token(request)
        link = await counter.sign_in.look(request.match_info["code"], browser)
        if link is None:
            raise Refused("link")
        async with database.read() as tx:
            token = store.digest(tx, "form", browser or "", link.id)
        if browser is None or not hmac.compare_digest(token.encode(), sent.encode()):
            raise Refused("cookie")
        url = await counter.sign_in.start(request.match_info["code"], browser)
        return web.Response(status=303, headers={**HEADERS, "Location": url})

    return await _guarded(house, database, request, page)


async def callback(house: House, database: Database, request: web.Request) -> web.StreamResponse:
    """The provider sent the browser back: say what came of it."""

    async def page(counter: _Counter) -> web.StreamResponse:
        fields = browser_fields(request.query)
        browser = _browser(request)
        link = await counter.sign_in.finish(fields, browser or "")
        t = await _translator(house, database, request, link)
        return _page(
            t,
            t("Done: your account is verified"),
            [
                _who(link),
                t("You can close this page and go back to your chat."),
            ],
        )

    return await _guarded(house, database, request, page)


ROUTES = (
    Route("GET", CALLBACK, callback),
    Route("GET", "/verify/{code:[A-Za-z0-9_-]{43}}", show),
    Route("POST", "/verify/{code:[A-Za-z0-9_-]{43}}", start),
)

# Guards ------------------------------------------------------------------------------------------

_Work = Callable[[_Counter], Awaitable[web.StreamResponse]]


async def _guarded(house: House, database: Database, request: web.Request, work: _Work) -> web.StreamResponse:
    """Run a page within its limits; whatever goes wrong ends as a page that says what to do, and no more."""
    if not is_offered(house.settings):
        raise web.HTTPNotFound
    address, now = _address(house, request), database.clock.now()
    counter: _Counter | None = None
    try:
        counter = _counter_of(house, database)
        counter.admit(address, now)
        return await work(counter)
    except Refused as error:
        reason = error.reason
        if counter is not None and reason != "often":
            counter.count(counter.refused, address, now)
    except Unreachable as error:
        log.error("the sign-in provider does not answer as it should", extra={"reason": error.reason})
        reason = "away"
    except (*DatabaseTrouble, CurbsideError) as error:
        log.error("a sign-in page failed", exc_info=error)
        reason = "away"
    log.info("a sign-in went no further", extra={"reason": reason})
    kind = reason if reason in _TITLE else "other"
    t = await _translator(house, database, request, None)
    answer = _page(
        t,
        t(_TITLE[kind]),
        [t(_TEXT[kind], command=f"{house.settings.prefix}verify")],
        status=_STATUS.get(kind, 403),
    )
    if kind == "often":
        answer.headers["Retry-After"] = "60"
    return answer


def _counter_of(house: House, database: Database) -> _Counter:
    found = _counters.get(database)
    if found is None:
        found = _counters[database] = _Counter(SignIn(house, database))
    return found


def _address(house: House, request: web.Request) -> str:
    """Who asks: the peer, or the last address that a proxy of ours has named (X-Forwarded-For)."""
    proxies = house.settings.web.proxies
    chain = [request.remote or ""]
    for line in request.headers.getall("X-Forwarded-For", []):
        chain[:0] = [one.strip() for one in line.split(",")]
    for address in reversed(chain):
        if address not in proxies:
            return address[:64]
    return chain[0][:64]


def _check_origin(house: House, request: web.Request) -> None:
    """A form of ours comes from our own page. `null` is what browsers send under our referrer policy."""
    public = urlsplit(house.settings.web.public_url)
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin not in (None, "null", f"{public.scheme}://{public.netloc}"):
        raise Refused("origin")
    if site not in (None, "same-origin"):
        raise Refused("origin")


async def _token(request: web.Request) -> str:
    """The token of our form; anything else that is sent counts as none."""
    body = (await request.read()).decode("ascii", "replace")
    if request.content_type != "application/x-www-form-urlencoded":
        return ""
    try:
        return dict(parse_qsl(body, max_num_fields=8)).get("token", "")
    except ValueError:
        return ""


def _browser(request: web.Request) -> str | None:
    value = request.cookies.get(COOKIE, "")
    return value if _SECRET.fullmatch(value) else None


# Pages -------------------------------------------------------------------------------------------


async def _translator(
    house: House, database: Database, request: web.Request, link: Link | None
) -> Translator:
    """In the language of the link's person, else in the browser's, else in the house's."""
    if link is not None:
        async with database.read() as tx:
            return house.texts.translator(await chat_store.person(tx, link.user_id, house.settings))
    wanted = [
        part.partition(";")[0].strip()[:2] for part in request.headers.get("Accept-Language", "").split(",")
    ]
    language = next((one for one in wanted if one in LANGUAGES), house.settings.language)
    return house.texts.translator(Person("", language, house.settings.timezone))


def _who(link: Link) -> Rich:
    return Rich(link.user_id, f'<span class="who">{verbatim(link.user_id).html}</span>')


def _page(
    t: Translator,
    title: Rich,
    paragraphs: Sequence[Rich],
    *,
    form: tuple[str, Rich] | None = None,
    foot: Rich | None = None,
    status: int = 200,
) -> web.Response:
    """A whole page; every piece of text comes escaped. `form` is the token and the button's words."""
    body = "".join(f"<p>{paragraph.html}</p>" for paragraph in paragraphs)
    if form is not None:
        token, words = form
        body += (
            f'<form method="post"><input type="hidden" name="token" value="{token}">'
            f"<button>{words.html}</button></form>"
        )
    if foot is not None:
        body += f"<p><small>{foot.html}</small></p>"
    language = t.language if t.language in LANGUAGES else "en"
    text = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title.html}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title.html}</h1>{body}</main></body></html>"
    )
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)
