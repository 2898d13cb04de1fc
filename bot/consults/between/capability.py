"""What consults between hospitals add to the bots."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.consults.between import keeping, post, receiving

BETWEEN = Capability(
    name="between",
    events=(receiving.letter_came,),
    witnesses=(receiving.stranger_wrote,),
    memberships=(receiving.bot_arrived,),
    timers={post.RETRY: post.retry_due},
    workers=(keeping.keep_offers,),
    daily=keeping.forget,
    locale=Path(__file__).parent / "locale",
)
