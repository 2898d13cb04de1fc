"""The curbside question: hypothetical, put to a specialty room, never to whoever is on call.

On-call, covering and supervising advice makes a duty towards the patient (Warren v. Dinter, 926 N.W.2d 370);
a question in the corridor is none. So the two are kept apart: a consult goes to the rota and is recorded, a
curbside question knows no patient and no rota, and says so.
"""

from pathlib import Path

from bot.chat.capability import Capability
from bot.rooms.asking import service
from bot.rooms.asking.commands import COMMANDS

ASKS = Capability(
    "asks",
    commands=COMMANDS,
    topics={service.POSTED: service.posted},
    events=(service.heard,),
    locale=Path(__file__).parent / "locale",
)
