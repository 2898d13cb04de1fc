"""Who is on call, with the covers and swaps in force: what consults ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from bot.chat.desk import Desk
from bot.directory.model import Roster
from bot.directory.policies import Target, Whom
from bot.directory.roster import RosterFile
from bot.directory.rotas import Change, Rota, everybody
from bot.kernel import inbox
from bot.kernel.inbox import Incoming
from bot.oncall import rules, store

CHANGED = "oncall.changed"  # {users, at}: these may be off duty from this moment on


class OnCall:
    """Whom targets mean at a moment: the roster, and what has been changed in the rotas concerned."""

    def __init__(self, roster: Roster, changes: Mapping[str, tuple[Change, ...]], service: str) -> None:
        self._roster = roster
        self._changes = changes
        self._service = service

    @classmethod
    async def load(cls, desk: Desk, targets: Collection[Target], service: str) -> OnCall:
        """Read what concerns these targets of a request to a service: one statement, none without a rota."""
        roster = desk.house.part(RosterFile).current
        named = {_rota_of(roster, target, service) for target in targets}
        rotas = [rota for rota in named if rota is not None and rota in roster.rotas]
        return cls(roster, await store.changes_in(desk.tx, rotas, desk.now), service)

    def people(self, target: Target, moment: datetime) -> tuple[str, ...]:
        """Whom a target means at a moment, best first; nobody for moderators and other hospitals.

        A service is whoever is on in its rota, then those on shift, then its chain.
        """
        if target.kind is Whom.PERSON:
            return (target.name,)
        if target.kind is Whom.GROUP:
            return self._roster.groups.get(target.name, ())
        if target.kind is Whom.ROTA:
            return self._on(target.name, moment)
        service = self._roster.services.get(target.name or self._service)
        if target.kind is not Whom.SERVICE or service is None:
            return ()
        by_rota = self._on(service.rota, moment) if service.rota is not None else ()
        return tuple(dict.fromkeys([*by_rota, *rules.on_call(service, moment)]))

    def until(self, user: str, target: Target, moment: datetime) -> datetime | None:
        """When somebody's turn ends who is on at `moment`; None: no rota or shift put them there."""
        key = _rota_of(self._roster, target, self._service)
        rota = self._roster.rotas.get(key or "")
        service = self._roster.services.get(target.name or self._service)
        if target.kind is Whom.SERVICE and service is not None:
            if user in service.on_call:
                return None
            if rota is None or user not in self._on(rota.key, moment):
                return rules.shift_ends(service, user, moment)
        if rota is None:
            return None
        return rules.turn_ends(rota, user, moment, self._changes.get(rota.key, ()))

    def is_quiet(self, user: str, moment: datetime) -> datetime | None:
        """The end of somebody's quiet hours if `moment` is in them."""
        known = self._roster.clinicians.get(user)
        if known is None or known.quiet is None:
            return None
        return rules.quiet_until(*known.quiet, known.zone, moment)

    def _on(self, key: str, moment: datetime) -> tuple[str, ...]:
        rota = self._roster.rotas.get(key)
        return () if rota is None else rules.on_duty(rota, moment, self._changes.get(key, ()))


async def tell_changed(desk: Desk, rota: Rota, change: Change, source: str) -> None:
    """Let whoever asks people of this rota hear that it was changed; `source` names the change, once."""
    instead = () if change.instead is None else (change.instead,)
    users = sorted({*everybody([rota]), change.who, *instead})
    payload = {"users": users, "at": max(change.begin, desk.now).isoformat()}
    await inbox.put(desk.tx, Incoming(desk.bot, CHANGED, source, f"oncall {rota.key}", payload))


def _rota_of(roster: Roster, target: Target, service: str) -> str | None:
    if target.kind is Whom.ROTA:
        return target.name
    if target.kind is not Whom.SERVICE:
        return None
    known = roster.services.get(target.name or service)
    return None if known is None else known.rota
