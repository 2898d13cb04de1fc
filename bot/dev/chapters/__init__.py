"""The chapters of the demo's story, in order; each is a function that takes the cast."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.dev.chapters.basics import first_words, nothing_forgotten, specialty_rooms
from bot.dev.chapters.between import between_hospitals
from bot.dev.chapters.cases import a_case_without_names
from bot.dev.chapters.consults import across_hospitals, nobody_is_left_waiting
from bot.dev.chapters.oncall import who_is_on_call
from bot.dev.story import Cast

Chapter = Callable[[Cast], Awaitable[None]]

CHAPTERS: tuple[Chapter, ...] = (
    first_words,
    who_is_on_call,
    nobody_is_left_waiting,
    across_hospitals,
    between_hospitals,
    specialty_rooms,
    a_case_without_names,
    nothing_forgotten,
)
