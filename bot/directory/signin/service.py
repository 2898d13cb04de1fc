"""From a link in the chat to a proof: the use cases of signing in at one's hospital."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.chat.desk import Desk, House
from bot.chat.message import Message
from bot.chat.rich import lines, mention
from bot.directory import service, views
from bot.directory.confirmed import note_number
from bot.directory.moderators import MODERATORS_ROOM
from bot.directory.outside import tls
from bot.directory.policy import server_of
from bot.directory.signin import store
from bot.directory.signin.oidc import Asked, Identity, Provider, Refused, claim, meets
from bot.directory.signin.store import Link
from bot.directory.standing import Level
from bot.kernel.db import Database
from bot.settings import Settings

METHOD = "oidc"
LINK_FOR = timedelta(minutes=15)
ANSWER_WITHIN = timedelta(minutes=10)
MOST_STARTS = 5  # a double tap, a way back in the browser, a wrong password
CALLBACK = "/verify/callback"


async def link_for(desk: Desk, user_id: str) -> str | None:
    """A link under which this person, and nobody else's account, can be verified by a sign-in.

    It holds for 15 minutes and once; a new one ends the one before. None where no sign-in is set up.
    """
    settings = desk.house.settings
    if not is_offered(settings):
        return None
    code = secrets.token_urlsafe(32)
    await store.keep_link(desk.tx, code, user_id, desk.bot, desk.now + LINK_FOR)
    desk.tx.audit(user_id, "signin.link", user_id)
    return f"{settings.web.public_url.rstrip('/')}/verify/{code}"


def is_offered(settings: Settings) -> bool:
    """Whether people can sign in at the hospital here."""
    return bool(settings.verification.oidc.issuer and settings.web.public_url)


async def free(desk: Desk, user_id: str, *, by: str) -> bool:
    """Let the hospital accounts that proved this Matrix account prove another one; False if none did.

    What they proved of this one ends with it.
    """
    if not await store.free_accounts(desk.tx, user_id):
        return False
    desk.tx.audit(by, "signin.freed", user_id)
    await service.withdraw(desk, user_id, by=by, method=METHOD)
    return True


@dataclass(frozen=True)
class Answer:
    """What the provider's redirect brought back to the browser."""

    state: str
    code: str
    error: str
    issuer: str | None

    def check(self) -> None:
        """Raises Refused when it says that nobody signed in."""
        if self.error or not self.code:
            raise Refused("cancelled" if self.error == "access_denied" else "provider")


class SignIn:
    """Sign-ins of one process: its requests to the provider lie between transactions."""

    def __init__(self, house: House, database: Database) -> None:
        self._house = house
        self._database = database
        settings = house.settings
        oidc = settings.verification.oidc
        secret = None
        if oidc.client_secret_file is not None:
            secret = settings.secret(oidc.client_secret_file, "verification.oidc.client_secret_file")
        self._redirect_uri = settings.web.public_url.rstrip("/") + CALLBACK
        self._provider = Provider(oidc, self._redirect_uri, secret, tls(settings))

    async def look(self, code: str, browser: str | None) -> Link | None:
        """The link, as long as this browser may use it. Changes nothing: chat programs look at links too."""
        async with self._database.read() as tx:
            link = await store.link_of(tx, code)
            over = link is None or link.state == "done" or link.expires_at <= tx.now
            if over or link is None or link.starts >= MOST_STARTS:
                return None
            if link.browser is not None and link.browser != store.digest(tx, "browser", browser or ""):
                raise Refused("browser")
            return link

    async def start(self, code: str, browser: str) -> str:
        """Begin: returns where the browser goes. Raises Refused, or Unreachable with nothing used up."""
        now = self._database.clock.now()
        asked = Asked.fresh()
        url = await self._provider.authorization_url(asked, now)
        async with self._database.begin() as tx:
            link = await store.link_of(tx, code)
            mine = store.digest(tx, "browser", browser)
            flow = {"nonce": asked.nonce, "verifier": asked.verifier}
            if link is None or not await store.start(tx, link, mine, asked.state, flow, MOST_STARTS):
                raise Refused("link")
            tx.audit(link.user_id, "signin.started", link.user_id)
        return url

    async def finish(self, answer: Answer, browser: str) -> Link:
        """The provider has answered: prove the account, or raise Refused (audited) or Unreachable."""
        link: Link | None = None
        try:
            link, asked = await self._take(answer.state, browser)
            now = self._database.clock.now()
            await self._provider.check_issuer(answer.issuer, now)
            answer.check()
            identity = await self._provider.redeem(answer.code, asked, now)
            self._check(identity, link.user_id)
            await self._prove(identity, link)
        except Refused as error:
            await self._note(error.reason, link)
            raise
        return link

    async def _take(self, state: str, browser: str) -> tuple[Link, Asked]:
        """The sign-in that this answer belongs to, for the browser that began it; its state ends here."""
        async with self._database.begin() as tx:
            link = await store.asked(tx, state)
            if link is None or link.flow is None or link.asked_at is None:
                raise Refused("state")
            if link.browser != store.digest(tx, "browser", browser):
                raise Refused("browser")
            await store.take_state(tx, link)
            late = tx.now > link.asked_at + ANSWER_WITHIN
        if late:
            raise Refused("late")
        return link, Asked(state, link.flow["nonce"], link.flow["verifier"])

    def _check(self, identity: Identity, user_id: str) -> None:
        """Whether this is a clinician of the hospital, and may prove this Matrix account."""
        oidc = self._house.settings.verification.oidc
        if not meets(identity.claims, oidc.require):
            raise Refused("no-clinician")
        if oidc.account_claim:
            said = str(claim(identity.claims, oidc.account_claim) or "").lower()
            ours = server_of(user_id) == self._house.settings.server_name
            names = {user_id, user_id[1:].partition(":")[0]} if ours else {user_id}
            if said not in {name.lower() for name in names}:
                raise Refused("other-account")

    async def _prove(self, identity: Identity, link: Link) -> None:
        """The proof, its audit line and the message to the person, all or nothing."""
        oidc = self._house.settings.verification.oidc
        npi = str(claim(identity.claims, oidc.npi_claim) or "")
        async with self._database.begin() as tx:
            desk = Desk(self._house, tx, link.bot)
            if not await store.finish(tx, link):
                raise Refused("link")
            if await service.is_held(desk, link.user_id):
                raise Refused("held")
            if not await store.claim_account(tx, identity.issuer, identity.subject, link.user_id):
                raise Refused("taken")
            until = desk.now + oidc.valid
            ref = await note_number(desk, link.user_id, npi)
            await service.add_evidence(desk, link.user_id, METHOD, Level.L3, until=until, by=METHOD, ref=ref)
            t = await desk.translator(link.user_id)
            reached = views.level(t, Level.L3)
            body = lines(
                [
                    t("Your hospital’s sign-in has confirmed you: **{level}**.", level=reached),
                    t("It holds until **{day}**.", day=views.day(t, until)),
                    t("If this was not you, write to a moderator at once."),
                ]
            )
            await desk.direct(link.user_id, Message("verify", body, loud=True))

    async def _note(self, reason: str, link: Link | None) -> None:
        """Note a refusal in the audit trail; tell the moderators of a hospital account used twice."""
        async with self._database.begin() as tx:
            if link is None:
                tx.audit("web", "signin.refused", "sign-in", reason=reason)
                return
            tx.audit(link.user_id, "signin.refused", link.user_id, reason=reason)
            if reason == "taken" and self._house.settings.moderators:
                desk = Desk(self._house, tx, next(iter(self._house.bot_users)))
                t = desk.house_translator()
                text = t(
                    "{who} signed in with a hospital account that has already verified another Matrix "
                    "account. Nothing was changed. If they have a new Matrix account, free the old one: "
                    "`curbside directory free`",
                    who=mention(link.user_id),
                )
                await desk.send(MODERATORS_ROOM, Message("verify", text))


def browser_fields(values: Mapping[str, str]) -> Answer:
    """The query of the provider's redirect, cut to lengths that can be right."""
    return Answer(
        values.get("state", "")[:256],
        values.get("code", "")[:4096],
        values.get("error", "")[:64],
        values["iss"][:512] if "iss" in values else None,
    )
