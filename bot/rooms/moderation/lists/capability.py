"""What policy lists add to the bots."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.rooms.moderation.lists import review

LISTS = Capability(
    name="lists",
    timers={review.REVIEW_TIMER: review.review, review.ENTER_TIMER: review.enter_again},
    topics={review.STATE_TOPIC: review.state_changed, review.ENTERED_TOPIC: review.entered},
    workers=(review.keep_looking,),
    daily=review.daily,
    locale=Path(__file__).parent / "locale",
)
