"""What people see: short, the most important thing first, and what to do next."""

from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import bullets, lines


def listing(t: Translator, jobs: dict[str, str], job: str = "", *, due: bool = False) -> Message:
    """The open jobs; with `job`, ✅ ticks that one off."""
    items = bullets(t("**{job}**: {what}", job=key, what=what) for key, what in jobs.items())
    hint = t("⏰ **{job}** is due. ✅ when it is done." if due else "✅ when **{job}** is done.", job=job)
    body = lines([hint, items] if job in jobs else [items or t("Nothing is left to do.")])
    return Message("wardjobs.list", body, buttons={"✅": f"tick {job}"} if job in jobs else {}, loud=due)
