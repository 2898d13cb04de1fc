"""From a room event to a use case: who is meant, what they want, and whether they may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from bot.chat import buttons, conversation, store
from bot.chat.book import CommandBook
from bot.chat.capability import Capability
from bot.chat.command import Command, Misunderstood
from bot.chat.commands import CHAT
from bot.chat.conversation import ANSWER_MARK, CANCEL, Reading
from bot.chat.desk import Context, Desk, House, RoomFacts, Said
from bot.chat.heard import Heard, hear, membership
from bot.chat.message import Message
from bot.chat.parsing import Parsed, closest, normal, take_word
from bot.chat.rich import code, joined, lines, mention
from bot.chat.store import Conversation
from bot.kernel import outbox
from bot.kernel.db import Tx
from bot.kernel.inbox import InboxEntry

LEAST_BUTTONS = 10  # a minute: whoever is paged can always answer
CORRECTION_TIME = timedelta(hours=1)
PRESS_MEMORY = timedelta(days=90)
HINT_PAUSE = timedelta(minutes=10)


class Dispatcher:
    """Handles the inbox topic matrix.event for every bot of the house."""

    def __init__(self, house: House, capabilities: Iterable[Capability]) -> None:
        self.house = house
        known = tuple(capabilities)
        self.capabilities = known if CHAT in known else (CHAT, *known)
        self.book = CommandBook(
            [command for capability in self.capabilities for command in capability.commands], house.bot_users
        )
        self._memberships = [one for capability in self.capabilities for one in capability.memberships]
        self._witnesses = [one for capability in self.capabilities for one in capability.witnesses]
        self._rules = [rule for capability in self.capabilities for rule in capability.events]
        self._ours = frozenset(house.bot_users.values())

    async def handle(self, tx: Tx, entry: InboxEntry) -> None:
        """Act on one event of somebody else; malformed ones are passed over."""
        heard = self._hear(entry)
        if heard is None:
            return
        changed = membership(entry.payload)
        if changed is not None:
            for handler in self._memberships:
                await handler(Desk(self.house, tx, entry.bot), changed)
            return
        ctx = await self._context(tx, entry.bot, heard)
        for witness in () if heard.awaited else self._witnesses:  # it comes once more
            await witness(ctx, entry.payload["event"])
        if heard.server not in self.house.hospitals.servers():
            await self._refuse_stranger(ctx, heard)
        elif not heard.readable:
            # That something was edited is known, and counts, before it can be read.
            known = heard.replaces is not None and await self._apply_rules(ctx, entry)
            if not known and not heard.awaited:
                await self._explain_unreadable(ctx, heard)
        elif heard.reaction is not None:
            if not await self._press(ctx, *heard.reaction):
                await self._apply_rules(ctx, entry)
        elif heard.text is None or heard.from_curbside:
            await self._apply_rules(ctx, entry)
        elif not (await self._listen(ctx, heard) or await self._apply_rules(ctx, entry)) and ctx.room.direct:
            await self._guess(ctx, heard)

    async def failed(self, tx: Tx, entry: InboxEntry) -> None:
        """Tell the person that their request failed for good; what the handler did was rolled back."""
        heard = self._hear(entry)
        if heard is None or heard.server not in self.house.hospitals.servers() or heard.from_curbside:
            return
        ctx = await self._context(tx, entry.bot, heard)
        if heard.reaction is not None:
            meant = bool(await outbox.buttons_on(tx, ctx.bot, heard.reaction[0]))
        else:
            talk = await self._talk(ctx)
            meant = heard.text is not None and (
                ctx.room.direct
                or ctx.parsed(heard.text) is not None
                or (talk is not None and self._is_open(ctx, talk) and await self._is_answer(ctx, talk))
            )
        if meant:
            body = ctx.t(
                "I could not do this: something went wrong on my side. Nothing was changed. "
                "Please try again; if it fails again, tell the moderators."
            )
            await ctx.reply(Message("error", body, loud=True))

    def _hear(self, entry: InboxEntry) -> Heard | None:
        heard = hear(entry.payload)
        if heard is None or heard.sender in self._ours or entry.bot not in self.house.bot_users:
            return None
        return heard

    async def _context(self, tx: Tx, bot: str, heard: Heard) -> Context:
        room = await self.house.rooms.facts(tx, bot, heard.room_id)
        said = Said(
            heard.replaces or heard.event_id,
            heard.room_id,
            heard.sender,
            heard.text or "",
            thread=heard.thread,
            reply_to=heard.reaction[0] if heard.reaction else heard.reply_to,
            reaction=heard.reaction[1] if heard.reaction else None,
            pills=heard.pills,
        )
        return Context(
            self.house,
            tx,
            bot,
            person=await store.person(tx, heard.sender, self.house.settings),
            room=room or RoomFacts(heard.room_id, True, (), False),
            said=said,
            book=self.book,
        )

    # What is not for us

    async def _refuse_stranger(self, ctx: Context, heard: Heard) -> None:
        if heard.text is None or heard.from_curbside:
            return
        parsed = ctx.parsed(heard.text)
        if not (ctx.room.direct or parsed) or (parsed and not self._mine(ctx, parsed)):
            return
        if await store.once(ctx.tx, "stranger", ctx.sender, keep=timedelta(days=1)):
            body = ctx.t(
                "I work for {hospital} and the hospitals it cooperates with, and yours is not among them. "
                "Please ask your own hospital.",
                hospital=self.house.settings.hospital,
            )
            await ctx.reply(Message("refused", body))
            ctx.tx.audit(ctx.sender, "refused", "stranger")

    async def _explain_unreadable(self, ctx: Context, heard: Heard) -> None:
        if not await store.once(
            ctx.tx, "unreadable", ctx.bot, heard.room_id, heard.session, keep=PRESS_MEMORY
        ):
            return
        if await self._allowed(ctx):
            body = ctx.t(
                "I could not decrypt your message, so I have not acted on it. Please send it again. "
                "If that fails: restart your app, or leave this chat and write to me in a new one."
            )
            await ctx.reply(Message("unreadable", body))

    async def _apply_rules(self, ctx: Context, entry: InboxEntry) -> bool:
        for rule in self._rules:
            if await rule(ctx, entry.payload["event"]):
                return True
        return False

    def _mine(self, ctx: Context, parsed: Parsed) -> bool:
        """Whether this bot answers: the one called by name, else the room's first that knows the word."""
        if parsed.bot is not None:
            return parsed.bot == ctx.bot
        users = self.house.bot_users
        present = [bot for bot in users if bot == ctx.bot or users[bot] in ctx.room.members]
        knowing = [bot for bot in present if parsed.word in self.book.words(bot)]
        return (knowing or present)[0] == ctx.bot

    async def _allowed(self, ctx: Context) -> bool:
        """Count this request; when there were too many, say so once and be silent then."""
        limit = self.house.settings.limits.commands_per_minute
        pressed = ctx.said.reaction is not None
        if not limit or await store.use(
            ctx.tx,
            "buttons" if pressed else "words",
            ctx.sender,
            max(limit, LEAST_BUTTONS) if pressed else limit,
        ):
            return True
        if await store.once(ctx.tx, "limited", ctx.sender, keep=timedelta(minutes=1)):
            body = ctx.t(
                "That was a lot at once: I answer again in a minute. What you sent just now was not done."
            )
            await ctx.reply(Message("limit", body))
        return False

    # Reactions

    async def _press(self, ctx: Context, event_id: str, emoji: str) -> bool:
        stored = await outbox.buttons_on(ctx.tx, ctx.bot, event_id)
        known, thread = buttons.split(stored)
        command = buttons.pressed(known, emoji)
        if command is None:
            return bool(stored)
        if thread is not None and not thread.startswith("$"):
            thread = await outbox.event_of(ctx.tx, thread)
        ctx.said = replace(ctx.said, thread=thread)
        if not await self._allowed(ctx):
            return True
        mark = ("pressed", ctx.bot, ctx.sender, event_id, buttons.same(emoji))
        if await store.once(ctx.tx, *mark, keep=PRESS_MEMORY):
            await self._run_button(ctx, command)
        return True

    async def _run_button(self, ctx: Context, stored: str) -> None:
        person, origin, command = buttons.addressed(stored)
        if person is not None and person != ctx.sender:
            return
        ctx.said = replace(ctx.said, text=command)
        if origin is not None:  # as if it had been typed so: its edits are of that command
            ctx.said = replace(ctx.said, event_id=origin, reaction=None, reply_to=None)
            await store.take_mark(ctx.tx, "mistyped", ctx.bot, ctx.sender, origin)
            await outbox.forget_buttons(ctx.tx, ctx.room.room_id, f"{ctx.sender} {origin} ")
        if command.startswith(ANSWER_MARK):
            await self._press_answer(ctx, command.removeprefix(ANSWER_MARK))
            return
        word, rest = take_word(command)
        found, rest = self.book.resolve(ctx.bot, word, rest)
        if found is not None and await self._permitted(ctx, found):
            await self._run(ctx, found, await conversation.read(ctx, found, rest))

    async def _press_answer(self, ctx: Context, answer: str) -> None:
        talk = await self._talk(ctx)
        asked = None if talk is None else await outbox.event_of(ctx.tx, talk.question)
        if talk is None or asked is None or asked != ctx.said.reply_to:
            return  # an older question's button
        words = answer.split(" ", 2)
        if not self._is_open(ctx, talk):
            await self._expired(ctx, talk)
        elif len(words) < 3:
            await self._leave(ctx, talk)
        else:
            await self._answer(ctx, talk, words[2])

    # Words

    async def _listen(self, ctx: Context, heard: Heard) -> bool:
        """Act on a command, an answer or a typed button; False when the text was none of them."""
        if heard.replaces is not None:
            if not await store.take_mark(ctx.tx, "mistyped", ctx.bot, ctx.sender, heard.replaces):
                return False
            await outbox.forget_buttons(ctx.tx, ctx.room.room_id, f"{ctx.sender} {heard.replaces} ")
        parsed = ctx.parsed(ctx.said.text)
        if parsed is not None:
            await self._command(ctx, parsed)
            return True
        if ctx.room.direct and await self._reply(ctx):
            return True
        talk = await self._talk(ctx)
        if talk is None or not self._is_open(ctx, talk) or not await self._is_answer(ctx, talk):
            return False
        if await self._allowed(ctx):
            await self._answer(ctx, talk, ctx.said.text)
        return True

    async def _reply(self, ctx: Context) -> bool:
        """A reply to a message with buttons may name one of them: `accept`, `annehmen`, `ja`, `1`."""
        for event_id in dict.fromkeys(filter(None, (ctx.said.reply_to, ctx.said.thread))):
            known, _thread = buttons.split(await outbox.buttons_on(ctx.tx, ctx.bot, event_id))
            if any(command.startswith(ANSWER_MARK) for command in known.values()):
                continue  # a question: the words are its answer
            command = buttons.meant(known, ctx.said.text, self.book.own_words(ctx.bot))
            if command is not None:
                if await self._allowed(ctx):
                    await self._run_button(ctx, command)
                return True
        return False

    async def _guess(self, ctx: Context, heard: Heard) -> None:
        """Alone with somebody all is for the bot: commands need no prefix, and no text meets silence."""
        if heard.replaces is not None:
            return
        parsed = ctx.parsed(ctx.said.text, bare=True)
        if parsed is not None:
            command = self.book.find(ctx.bot, parsed.word)
            if command is not None and (command.args or not parsed.rest.strip()):
                await self._command(ctx, parsed)
                return
        talk = await self._talk(ctx)
        if talk is not None:
            await self._expired(ctx, talk)
        elif await store.once(ctx.tx, "hint", ctx.bot, ctx.room.room_id, keep=HINT_PAUSE):
            body = ctx.t("I did not understand that. `{help}` shows what I can do.", help=ctx.typed("help"))
            await ctx.reply(Message("hint", body))

    async def _command(self, ctx: Context, parsed: Parsed) -> None:
        mine, leaving = self._mine(ctx, parsed), parsed.word in CANCEL and not parsed.rest.strip()
        talk = await self._talk(ctx) if mine or leaving else None
        open_talk = talk is not None and self._is_open(ctx, talk)
        leaving = leaving and open_talk
        if not (mine or leaving) or not await self._allowed(ctx):
            return
        if talk is not None and leaving:
            await self._leave(ctx, talk)
            return
        command, rest = self.book.resolve(ctx.bot, parsed.word, parsed.rest)
        if command is None:
            await self._unknown(ctx, parsed)
        elif await self._permitted(ctx, command):
            if talk is not None:
                await self._end_talk(ctx)
                if open_talk and talk.command != command.word:
                    note = ctx.t(
                        "I have dropped the unfinished `{command}`.", command=ctx.typed(talk.command)
                    )
                    await ctx.reply(Message("question", note))
            if command.parts and not command.args and rest.strip():
                await self._unknown_part(ctx, command, rest)
                return
            await self._run(ctx, command, await conversation.read(ctx, command, rest))

    async def _unknown_part(self, ctx: Context, family: Command, rest: str) -> None:
        word, after = take_word(rest)
        permitted = await self.book.permitted_parts(ctx, family)
        near = closest(word, [name.word.partition(" ")[2] for name in permitted])
        sentence = ctx.t("I do not know {command}.", command=code(ctx.typed(f"{family.word} {word[:40]}")))
        if near:
            await store.once(ctx.tx, "mistyped", ctx.bot, ctx.sender, ctx.said.event_id, keep=CORRECTION_TIME)
            meant = f"{family.word} {near[0]}"
            question = ctx.t("Did you mean {word}? 👍 runs it.", word=code(ctx.typed(meant)))
            run = {"👍": buttons.suggested(ctx.sender, ctx.said.event_id, f"{meant} {after}")}
            await ctx.reply(Message("unknown", lines([sentence, question]), buttons=run))
        else:
            more = ctx.t("`{help}` shows what I can do.", help=ctx.typed(f"help {family.word}"))
            await ctx.reply(Message("unknown", lines([sentence, more])))

    async def _unknown(self, ctx: Context, parsed: Parsed) -> None:
        typed = code(ctx.typed(parsed.word[:40]))
        if parsed.word in CANCEL:
            await ctx.reply(Message("unknown", ctx.t("There is nothing to leave.")))
            return
        others = self.book.knowing(parsed.word)
        if others:
            who = mention(self.house.bot_users[others[0]])
            await ctx.reply(
                Message("unknown", ctx.t("{command} is for {bot}: write there.", command=typed, bot=who))
            )
            return
        await store.once(
            ctx.tx, "mistyped", ctx.bot, ctx.sender, ctx.said.event_id, keep=CORRECTION_TIME
        )  # an edit that mends it is run
        near = [
            word
            for word in closest(parsed.word, self.book.words(ctx.bot), limit=6)
            if (found := self.book.find(ctx.bot, word)) is not None and await found.may(ctx)
        ][:3]
        sentence = ctx.t("I do not know {command}.", command=typed)
        if near:
            question = (
                ctx.t(
                    "Did you mean {words}? 👍 runs the first.",
                    words=joined([code(ctx.typed(word)) for word in near], " · "),
                )
                if len(near) > 1
                else ctx.t("Did you mean {word}? 👍 runs it.", word=code(ctx.typed(near[0])))
            )
            run = {"👍": buttons.suggested(ctx.sender, ctx.said.event_id, f"{near[0]} {parsed.rest}")}
            await ctx.reply(Message("unknown", lines([sentence, question]), buttons=run))
        else:
            more = ctx.t("`{help}` shows what I can do.", help=ctx.typed("help"))
            await ctx.reply(Message("unknown", lines([sentence, more])))

    async def _permitted(self, ctx: Context, command: Command) -> bool:
        if await command.may(ctx):
            return True
        body = ctx.t(
            "`{command}` is not something you can use here; `{help}` shows what you can.",
            command=ctx.typed(command.word),
            help=ctx.typed("help"),
        )
        await ctx.reply(Message("unknown", body))
        return False

    async def _run(self, ctx: Context, command: Command, reading: Reading, tries: int = 0) -> None:
        if not await command.door(ctx):
            return
        if reading.missing is not None:
            await conversation.ask(ctx, command, reading, tries)
            return
        if command.audited:
            ctx.tx.audit(ctx.sender, "command", command.word)
        try:
            await command.run(ctx, reading.values)
        except Misunderstood as problem:
            await ctx.reply(Message("error", conversation.explained(ctx, problem)))

    # Conversations

    async def _talk(self, ctx: Context) -> Conversation | None:
        return await store.conversation(ctx.tx, ctx.bot, ctx.room.room_id, ctx.sender)

    async def _end_talk(self, ctx: Context) -> None:
        await store.end_conversation(ctx.tx, ctx.bot, ctx.room.room_id, ctx.sender)

    def _is_open(self, ctx: Context, talk: Conversation) -> bool:
        return talk.expires_at is not None and talk.expires_at > ctx.now

    async def _is_answer(self, ctx: Context, talk: Conversation) -> bool:
        """Alone with the bot all is; among others what stands in the question's thread or replies to it."""
        if ctx.room.direct or (talk.thread is not None and ctx.said.thread == talk.thread):
            return True
        return ctx.said.reply_to is not None and ctx.said.reply_to == await outbox.event_of(
            ctx.tx, talk.question
        )

    async def _answer(self, ctx: Context, talk: Conversation, text: str) -> None:
        ctx.said = replace(ctx.said, thread=talk.thread)
        command = self.book.find(ctx.bot, talk.command)
        arg = next((arg for arg in command.args if arg.name == talk.asking), None) if command else None
        if normal(buttons.same(text)) in CANCEL:
            await self._leave(ctx, talk)
        elif command is None or arg is None:  # gone since it was asked
            await self._expired(ctx, talk)
        elif await self._permitted(ctx, command):
            given = {**talk.given, arg.name: await conversation.chosen(ctx, arg, text)}
            reading = await conversation.read(ctx, command, talk.rest, given, arg.name)
            if reading.missing is None:
                await self._end_talk(ctx)
            wrong = reading.missing is arg
            await self._run(ctx, command, reading, talk.tries + 1 if wrong else 0)

    async def _leave(self, ctx: Context, talk: Conversation) -> None:
        await self._end_talk(ctx)
        body = ctx.t("Stopped: nothing was done. `{command}` starts again.", command=ctx.typed(talk.command))
        ctx.said = replace(ctx.said, thread=talk.thread)
        await ctx.reply(Message("question", body))

    async def _expired(self, ctx: Context, talk: Conversation) -> None:
        await self._end_talk(ctx)
        body = ctx.t(
            "That question has expired. Start again with `{command}`.", command=ctx.typed(talk.command)
        )
        await ctx.reply(Message("question", body))
