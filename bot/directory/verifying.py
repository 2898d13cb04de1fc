"""How people prove who they are: a number of theirs, a code by mail, a human who looks into the register."""

from __future__ import annotations

import hmac
from datetime import timedelta

from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.message import Message
from bot.directory import codes, numbers, service, store, views
from bot.directory.moderators import MODERATORS_ROOM
from bot.directory.nppes import store as nppes
from bot.directory.numbers import BadNumber, Number
from bot.directory.standing import Level
from bot.directory.store import Claim
from bot.kernel import outbox
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing

NUMBER, EMAIL, REGISTER = "number", "email", "register"
MAILED = "directory.mailed"
SMTP = "smtp"
_UNREACHABLE = "unreachable"  # the mail server, as against a mailbox that it does not know
_CLAIMS_A_DAY = 5
_SHOWN_CLAIMS = 5
_A_DAY = timedelta(days=1)


# A number ----------------------------------------------------------------------------------------


def read_number(register: str, text: str) -> Number:
    """A number as typed; raises Misunderstood with what its form is."""
    try:
        return numbers.read(register, text)
    except BadNumber as error:
        known = numbers.REGISTERS.get(register.strip().casefold())
        if known is None:
            raise Misunderstood(
                "Write the register’s name and your number in it, such as `{example}`.",
                example="LANR 123456789",
            ) from None
        if error.reason == "check-digit":
            raise Misunderstood(
                "That {register} number has a wrong check digit: please look at it again.",
                register=known.name,
            ) from None
        raise Misunderstood(
            "That is not the form of a {register} number, which is like {example}.",
            register=known.name,
            example=known.example,
        ) from None


async def claim_number(ctx: Context, number: Number) -> Message:
    """Say that a number is one's own; a moderator is asked to look it up. Returns the answer."""
    if await service.is_held(ctx, ctx.sender):
        return views.held(ctx.t)
    if not await store.use(ctx.tx, "claims", ctx.sender, limit=_CLAIMS_A_DAY, per=_A_DAY):
        return views.too_many(ctx.t)
    entry = await nppes.find(ctx.tx, number.value) if number.register == "NPI" else None
    if entry is not None and not entry.active:
        return views.deactivated(ctx.t)
    claim = await _claim(ctx, NUMBER, number.register, number.value, "open")
    if claim is None:
        return views.claimed(ctx.t)
    if claim.state == "refused":
        return views.not_confirmed(ctx.t, number.register)
    for other in await store.claims_of(ctx.tx, ctx.sender):
        if other.kind == NUMBER and other.state == "open" and other.id != claim.id:
            await store.drop_claim(ctx.tx, other.id)  # a slip of the finger, mended
    settings = ctx.house.settings
    until = ctx.now + settings.verification.number
    await service.add_evidence(
        ctx, ctx.sender, NUMBER, Level.L1, until=until, by=ctx.sender, ref=f"{number.register} {number.value}"
    )
    if claim.state == "open" and settings.moderators:
        await _show_claim(ctx, MODERATORS_ROOM, claim)
    now = await service.standing_of(ctx, ctx.sender)
    return views.noted(ctx.t, number.register, now, bool(settings.moderators))


async def _claim(ctx: Context, kind: str, register: str, value: str, state: str) -> Claim | None:
    """Claim something for the person who asks; None if it counts for somebody else already."""
    mac = store.mac(ctx.tx, "claim", kind, register.casefold(), value)
    claim = await store.claim(ctx.tx, ctx.sender, kind, mac, register, value, state)
    if claim.user_id == ctx.sender:
        return claim
    if claim.state != "refused" and await _counts(ctx, claim):
        await tell_moderators_of_conflict(ctx, claim)
        return None
    await store.drop_claim(ctx.tx, claim.id)
    claim = await store.claim(ctx.tx, ctx.sender, kind, mac, register, value, state)
    return claim if claim.user_id == ctx.sender else None


async def _counts(desk: Desk, claim: Claim) -> bool:
    """Whether what somebody claims still speaks for them."""
    methods = (NUMBER, REGISTER) if claim.kind == NUMBER else (EMAIL,)
    return await service.counts(desk, claim.user_id, *methods)


async def tell_moderators_of_conflict(ctx: Context, claim: Claim) -> None:
    """Two people say that one number or address is theirs; it stands in neither message nor audit."""
    ctx.tx.audit(ctx.sender, "claim.conflict", claim.user_id, kind=claim.kind)
    if ctx.house.settings.moderators:
        message = views.conflict(ctx.house_translator(), claim.kind, ctx.sender, claim.user_id)
        await ctx.send(MODERATORS_ROOM, message)


async def _show_claim(desk: Desk, room: str, claim: Claim, thread: str | None = None) -> None:
    facts = await desk.house.rooms.facts(desk.tx, next(iter(desk.house.bot_users)), room)
    entry = await nppes.find(desk.tx, claim.value) if claim.register == "NPI" else None
    imported = claim.register == "NPI" and await nppes.is_imported(desk.tx)
    with_number = facts is None or facts.encrypted
    t = desk.house_translator()
    message = views.claim(t, claim, desk.now, entry, imported=imported, with_number=with_number)
    await desk.send(room, message, thread=thread)


# A code by mail ----------------------------------------------------------------------------------


def email_offered(desk: Desk) -> bool:
    """Whether a code by mail proves anything here."""
    email = desk.house.settings.verification.email
    return bool(email.host and email.domains)


async def send_code(ctx: Context, text: str) -> Message:
    """Send a code to an address; the answer never tells whether the address is known."""
    domains = ctx.house.settings.verification.email.domains
    split = codes.address(text)
    if not email_offered(ctx):
        return views.no_mail(ctx.t)
    if split is None:
        raise Misunderstood(
            "Please write a mail address, such as {example}.", example=f"a.berg@{next(iter(domains))}"
        )
    local, domain = split
    if not codes.allowed(domain, domains):
        return views.wrong_domain(ctx.t, domains)
    if await service.is_held(ctx, ctx.sender):
        return views.held(ctx.t)
    if await _is_locked(ctx):
        return views.locked(ctx.t)
    if not await store.use(ctx.tx, "mails by", ctx.sender, limit=codes.MAILS, per=codes.MAILS_PER):
        return views.too_many_mails(ctx.t)
    mac = store.mac(ctx.tx, "address", codes.mailbox(local, domain))
    if await store.use(ctx.tx, "mails to", mac, limit=codes.MAILS, per=codes.MAILS_PER):
        code = codes.new_code()
        address = f"{local}@{domain}"
        code_id = await store.keep_code(
            ctx.tx, ctx.sender, address, store.mac(ctx.tx, "code", ctx.sender, code), ctx.now + codes.VALID
        )
        subject, body = views.mail(ctx.t, ctx.house.settings.hospital, ctx.sender, code)
        mail = {"to": address, "subject": subject, "text": body}
        await outbox.put(
            ctx.tx,
            Outgoing(ctx.bot, f"mail {mac[:32]}", "send", mail, channel=SMTP, topic=MAILED, ref=code_id),
        )
    ctx.tx.audit(ctx.sender, "code.sent", ctx.sender)
    return views.code_sent(ctx.t, ctx.house.settings.prefix)


async def mailed(desk: Desk, entry: InboxEntry) -> None:
    """Tell somebody that the mail server was not to be reached; a refused address is told to nobody."""
    if entry.payload.get("error") != _UNREACHABLE:
        return
    code = await store.code_by_id(desk.tx, str(entry.payload["ref"]))
    if code is not None:
        t = await desk.translator(code.user_id)
        await desk.direct(code.user_id, views.mail_failed(t, desk.house.settings.prefix))


async def awaits_code(ctx: Context) -> bool:
    """Whether what somebody types may be a code: they were sent one lately, or are locked out."""
    code = await store.code_of(ctx.tx, ctx.sender)
    if code is not None and code.expires_at > ctx.now - codes.LOCKED:
        return True
    return await _is_locked(ctx)


async def enter_code(ctx: Context, text: str) -> Message:
    """Try a code; five wrong ones lock the person out for an hour."""
    if await _is_locked(ctx):
        return views.locked(ctx.t)
    kept = await store.code_of(ctx.tx, ctx.sender)
    if kept is None or kept.expires_at <= ctx.now:
        await store.drop_code(ctx.tx, ctx.sender)
        return views.no_code(ctx.t, ctx.house.settings.prefix, expired=kept is not None)
    typed = codes.typed(text) or ""
    if not hmac.compare_digest(store.mac(ctx.tx, "code", ctx.sender, typed), kept.mac):
        return await _wrong_code(ctx)
    await store.drop_code(ctx.tx, ctx.sender)
    if await service.is_held(ctx, ctx.sender):
        return views.held(ctx.t)
    local, _, domain = kept.address.partition("@")
    claim = await _claim(ctx, EMAIL, domain, codes.mailbox(local, domain), "held")
    if claim is None:
        return views.claimed(ctx.t)
    for other in await store.claims_of(ctx.tx, ctx.sender):
        if other.kind == EMAIL and other.id != claim.id:
            await store.drop_claim(ctx.tx, other.id)
    until = ctx.now + ctx.house.settings.verification.email.valid
    await service.add_evidence(ctx, ctx.sender, EMAIL, Level.L2, until=until, by=ctx.sender, ref=kept.address)
    return views.proven(ctx.t, await service.standing_of(ctx, ctx.sender))


async def _wrong_code(ctx: Context) -> Message:
    await store.use(ctx.tx, "code tries", ctx.sender, limit=codes.TRIES, per=codes.LOCKED)
    ctx.tx.audit(ctx.sender, "code.wrong", ctx.sender)
    left = codes.TRIES - await store.used(ctx.tx, "code tries", ctx.sender, per=codes.LOCKED)
    if left > 0:
        return views.wrong_code(ctx.t, left)
    await store.use(ctx.tx, "code locked", ctx.sender, limit=1, per=codes.LOCKED)
    await store.drop_code(ctx.tx, ctx.sender)
    ctx.tx.audit(ctx.sender, "code.locked", ctx.sender)
    return views.locked(ctx.t)


async def _is_locked(ctx: Context) -> bool:
    return await store.used(ctx.tx, "code locked", ctx.sender, per=codes.LOCKED) > 0


# Moderators --------------------------------------------------------------------------------------


async def confirm(ctx: Context, user_id: str, number: Number) -> Message:
    """A moderator has looked into the register: the number is this person's."""
    t, settings = ctx.t, ctx.house.settings
    if user_id == ctx.sender:
        return views.not_oneself(t)
    mac = store.mac(ctx.tx, "claim", NUMBER, number.register.casefold(), number.value)
    claim = await store.claim(ctx.tx, user_id, NUMBER, mac, number.register, number.value, "open")
    if claim.user_id != user_id:
        if claim.state != "refused" and await _counts(ctx, claim):
            return views.taken(t, claim.user_id, settings.prefix)
        await store.drop_claim(ctx.tx, claim.id)
        claim = await store.claim(ctx.tx, user_id, NUMBER, mac, number.register, number.value, "open")
    for other in await store.claims_of(ctx.tx, user_id):
        if other.kind == NUMBER and other.state == "open" and other.id != claim.id:
            await store.drop_claim(ctx.tx, other.id)
    await store.decide_claim(ctx.tx, claim.id, "confirmed")
    await service.lift(ctx, user_id, by=ctx.sender)
    until = ctx.now + settings.verification.register_check
    await service.add_evidence(
        ctx,
        user_id,
        REGISTER,
        Level.L3,
        until=until,
        by=ctx.sender,
        ref=f"{number.register} {number.value}",
    )
    now = await service.standing_of(ctx, user_id)
    await ctx.direct(user_id, views.proven(await ctx.translator(user_id), now, by_moderator=True))
    return views.confirmed(t, user_id, now)


async def confirm_claim(ctx: Context, claim_id: str) -> Message:
    """A moderator has looked a claim up."""
    claim = await store.claim_by_id(ctx.tx, claim_id)
    if claim is None or claim.kind != NUMBER or claim.state != "open":
        return views.no_claim(ctx.t, claim_id, ctx.house.settings.prefix)
    return await confirm(ctx, claim.user_id, Number(claim.register, claim.value))


async def refuse_claim(ctx: Context, claim_id: str) -> Message:
    """A moderator has not found a claim in the register."""
    claim = await store.claim_by_id(ctx.tx, claim_id)
    if claim is None or claim.kind != NUMBER or claim.state != "open":
        return views.no_claim(ctx.t, claim_id, ctx.house.settings.prefix)
    await store.decide_claim(ctx.tx, claim.id, "refused")
    if await store.ref_of(ctx.tx, claim.user_id, NUMBER) == f"{claim.register} {claim.value}":
        await service.withdraw(ctx, claim.user_id, by=ctx.sender, method=NUMBER)
    t = await ctx.translator(claim.user_id)
    await ctx.direct(claim.user_id, views.not_confirmed(t, claim.register))
    return views.refused_claim(ctx.t, claim.user_id)


async def unverify(ctx: Context, user_id: str, method: str | None, *, done: bool = False) -> Message:
    """A moderator withdraws one proof (`done`: it is already), or all until one verifies the person again."""
    if not (done or await service.withdraw(ctx, user_id, by=ctx.sender, method=method)):
        return views.nothing_to_withdraw(ctx.t, user_id)
    now = await service.standing_of(ctx, user_id)
    await ctx.direct(user_id, views.withdrawn(await ctx.translator(user_id), now))
    return views.unverified(ctx.t, user_id, now, undo=method is None)


async def restore(ctx: Context, user_id: str) -> Message:
    """A moderator takes the withdrawal of everything back."""
    if not await service.restore(ctx, user_id, by=ctx.sender):
        return views.nothing_to_restore(ctx.t, user_id)
    now = await service.standing_of(ctx, user_id)
    await ctx.direct(user_id, views.proven(await ctx.translator(user_id), now, by_moderator=True))
    return views.restored(ctx.t, user_id, now)


async def pending(ctx: Context) -> None:
    """Show the claims that wait for a human check, each with its buttons."""
    claims, total = await store.open_claims(ctx.tx, _SHOWN_CLAIMS)
    await ctx.reply(views.pending(ctx.t, len(claims), total))
    for claim in claims:
        await _show_claim(ctx, ctx.room.room_id, claim, ctx.said.thread)
