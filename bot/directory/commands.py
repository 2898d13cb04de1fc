"""What people type to prove who they are and to speak for colleagues; what moderators type about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.chat import store as marks
from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.message import Message
from bot.chat.parsing import normal, take_word
from bot.chat.types import Text, UserId
from bot.directory import codes, service, signin, verifying, views, vouching
from bot.directory.moderators import moderates
from bot.directory.profiles.commands import COMMANDS as PROFILES
from bot.directory.signin.service import is_offered
from bot.directory.standing import Level
from bot.kernel import outbox
from bot.kernel.outbox import Outgoing

_CLAIM = re.compile(r"V-[0-9A-HJKMNP-TV-Z]{6}")
_REMEMBERED = timedelta(days=1)  # so long a picture sent to us is taken for one of a document
_REDACT_POWER = 50
_REMOVE = frozenset({"remove", "undo", "entfernen", "zurücknehmen"})
_UNDO = "undo"
_SIGN_IN = "oidc"  # withdrawn, its hospital account may prove another Matrix account
_FILES = frozenset({"m.image", "m.file", "m.video", "m.audio"})
_GROUP = message_id("Who you are")


async def say(ctx: Context, message: Message) -> None:
    """Answer in the direct chat: who somebody is is nobody else's business."""
    if ctx.room.direct:
        await ctx.reply(message)
    else:
        await ctx.direct(ctx.sender, message)
        await ctx.reply(views.elsewhere(ctx.t))


# Verify ------------------------------------------------------------------------------------------


async def verify(ctx: Context, _args: Args) -> None:
    """Show one's level and the ways to the next."""
    await _remember(ctx)
    now = await service.standing_of(ctx, ctx.sender)
    evidence = (await service.evidence_of(ctx, [ctx.sender]))[ctx.sender]
    held = await service.is_held(ctx, ctx.sender)
    ways = ["signin"] if is_offered(ctx.house.settings) else []
    ways += ["email"] if verifying.email_offered(ctx) else []
    ways.append("register")
    message = views.overview(
        ctx.t,
        now,
        [one for one in service.methods_of(evidence, ctx.now) if one.level > Level.L0],
        ways,
        ctx.house.settings.prefix,
        ctx.house.settings.verification.vouchers,
        held=held,
    )
    await say(ctx, message)


def _number(register: str) -> Any:
    async def claim(ctx: Context, args: Args) -> None:
        await _remember(ctx)
        number = verifying.read_number(register or args["register"], args["number"])
        await say(ctx, await verifying.claim_number(ctx, number))

    return claim


async def email(ctx: Context, args: Args) -> None:
    """Send a code to an address."""
    await _remember(ctx)
    await say(ctx, await verifying.send_code(ctx, args["address"]))


async def enter(ctx: Context, args: Args) -> None:
    """Try a code."""
    await say(ctx, await verifying.enter_code(ctx, args["code"]))


async def sign_in(ctx: Context, _args: Args) -> None:
    """Give out a link to the hospital's sign-in."""
    await _remember(ctx)
    link = None if await service.is_held(ctx, ctx.sender) else await signin.link_for(ctx, ctx.sender)
    await say(ctx, views.signin(ctx.t, link, ctx.house.settings.prefix))


async def _remember(ctx: Context) -> None:
    await marks.once(ctx.tx, "verifying", ctx.sender, keep=_REMEMBERED)


async def code_typed(ctx: Context, _event: Mapping[str, object]) -> bool:
    """A rule: a code typed without any command, by somebody who was sent one."""
    if not ctx.room.direct or codes.typed(ctx.said.text) is None or not await verifying.awaits_code(ctx):
        return False
    await ctx.reply(await verifying.enter_code(ctx, ctx.said.text))
    return True


async def file_sent(ctx: Context, event: Mapping[str, Any]) -> bool:
    """A rule: a file in the direct chat of somebody who is proving who they are is refused, and removed."""
    content = event.get("content")
    if not ctx.room.direct or not isinstance(content, Mapping) or content.get("msgtype") not in _FILES:
        return False
    if not await marks.take_mark(ctx.tx, "verifying", ctx.sender):
        return False
    await _remember(ctx)
    may = ctx.room.power.get(ctx.house.bot_users[ctx.bot], 0) >= _REDACT_POWER
    if may:
        gone = {"event_id": ctx.said.event_id, "reason": ""}
        await outbox.put(ctx.tx, Outgoing(ctx.bot, ctx.room.room_id, "redact", gone))
    ctx.tx.audit(ctx.sender, "file.refused", ctx.sender)
    await ctx.reply(views.no_files(ctx.t, removed=may))
    return True


# Vouch -------------------------------------------------------------------------------------------


async def vouch(ctx: Context, args: Args) -> None:
    """Speak for a colleague, take it back, or list both."""
    text = str(args.get("who", ""))
    word, rest = take_word(text, ctx.said.pills)
    if not text:
        await say(ctx, await vouching.mine(ctx))
    elif normal(word) in _REMOVE:
        await say(ctx, await vouching.remove(ctx, await UserId().parse(ctx, rest)))
    else:
        await say(ctx, await vouching.vouch(ctx, await UserId().parse(ctx, word)))


# Moderators --------------------------------------------------------------------------------------


class PersonOrClaim:
    """A person, or the id of a claim that waits (`V-7F3KQ2`)."""

    async def parse(self, ctx: Context, text: str) -> str:
        """A Matrix id or a claim's id."""
        claim = text.strip().upper()
        return claim if _CLAIM.fullmatch(claim) else await UserId().parse(ctx, text)


async def mod_verify(ctx: Context, args: Args) -> None:
    """A human has looked into the register."""
    who, what = str(args["who"]), str(args.get("what", ""))
    if _CLAIM.fullmatch(who):
        await ctx.reply(await verifying.confirm_claim(ctx, who))
        return
    word, rest = take_word(what)
    register, number = take_word(rest) if normal(word) == verifying.REGISTER else (word, rest)
    if not number:
        raise Misunderstood(
            "Write in which register you found them, and the number: `{example}`",
            example=f"{ctx.typed('mod verify')} {who} register GMC 1234567",
        )
    await ctx.reply(await verifying.confirm(ctx, who, verifying.read_number(register, number)))


async def mod_unverify(ctx: Context, args: Args) -> None:
    """Withdraw one proof or all, take that back, or refuse a claim."""
    who, what = str(args["who"]), normal(str(args.get("what", "")))
    if _CLAIM.fullmatch(who):
        await ctx.reply(await verifying.refuse_claim(ctx, who))
    elif what == _UNDO:
        await ctx.reply(await verifying.restore(ctx, who))
    elif what and what not in views.METHODS:
        raise Misunderstood("I do not know “{word}” here.", word=what[:40], suggestions=sorted(views.METHODS))
    else:
        freed = what == _SIGN_IN and await signin.free(ctx, who, by=ctx.sender)
        await ctx.reply(await verifying.unverify(ctx, who, what or None, done=freed))


async def mod_pending(ctx: Context, _args: Args) -> None:
    """Show what waits for a human check."""
    await verifying.pending(ctx)


MOD_PARTS = (
    Command(
        word="verify",
        help="note that you found somebody in the register",
        run=mod_verify,
        args=(
            Arg("who", PersonOrClaim(), "Whom did you find?"),
            Arg("what", Text(80), "In which register, and under which number?", required=False, rest=True),
        ),
        may=moderates,
        synonyms=("verifizieren",),
        example="@anna:hospital.example register GMC 1234567",
    ),
    Command(
        word="unverify",
        help="withdraw somebody’s verification, everywhere and at once",
        run=mod_unverify,
        args=(
            Arg("who", PersonOrClaim(), "Whose verification shall I withdraw?"),
            Arg("what", Text(20), "Which proof?", required=False),
        ),
        may=moderates,
        synonyms=("entziehen",),
        details=(
            "Nothing counts for them any more until a moderator verifies them. "
            "With the name of a proof, such as `email`, only that one is withdrawn."
        ),
        example="@anna:hospital.example",
    ),
    Command(
        word="pending",
        help="the numbers that wait to be looked up",
        run=mod_pending,
        may=moderates,
        synonyms=("offen",),
    ),
)

_NUMBER_ARG = Arg("number", Text(40), "What is your number?", rest=True)
COMMANDS = (
    Command(
        word="verify",
        help="how far you are verified, and how to go on",
        run=verify,
        synonyms=("verifizieren",),
        details="Rooms and colleagues rely on it. Never send me a picture of an ID.",
        group=_GROUP,
        parts=(
            Command("signin", "sign in at your hospital", sign_in, synonyms=("anmelden", "login")),
            Command(
                "email",
                "get a code to your e-mail at work",
                email,
                args=(Arg("address", Text(254), "What is your e-mail address at work?"),),
                synonyms=("mail", "e-mail"),
                example="a.berg@hospital.example",
            ),
            Command(
                "code",
                "type the code that came by mail",
                enter,
                args=(Arg("code", Text(40), "What is the code in the mail?", rest=True),),
                example="ABCD-EFGH",
            ),
            Command(
                "npi",
                "your number in the US register",
                _number("npi"),
                args=(_NUMBER_ARG,),
                example="1234567893",
            ),
            Command(
                "gmc",
                "your number in the UK register",
                _number("gmc"),
                args=(_NUMBER_ARG,),
                example="1234567",
            ),
            Command(
                "ahpra",
                "your number in the Australian register",
                _number("ahpra"),
                args=(_NUMBER_ARG,),
                example="MED0001234567",
            ),
            Command(
                "register",
                "your number in any register",
                _number(""),
                args=(
                    Arg("register", Text(30), "In which register? For example NPI, GMC or AHPRA."),
                    _NUMBER_ARG,
                ),
                example="LANR 123456789",
            ),
        ),
    ),
    Command(
        word="vouch",
        help="speak for a colleague of another hospital",
        run=vouch,
        args=(Arg("who", Text(300), "For whom?", required=False, rest=True),),
        synonyms=("bürgen",),
        details=(
            "Only for somebody whom you know. Alone it shows for whom you speak; `remove` takes it back."
        ),
        example="@anna:hospital.example",
        group=_GROUP,
    ),
    *PROFILES,
)
