"""Rules of policy lists, and whom they are about. Pure.

Source: Matrix C-S API, "Moderation policy lists": `m.policy.rule.user`, `.room` and `.server` with `entity`
(a glob: `*` any number of characters, `?` exactly one) and `recommendation`, of which
`m.ban` is the only one there is.
An emptied event is a rule taken back. Older tools write the same under the names of the drafts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

USER, ROOM, SERVER = "user", "room", "server"
PREFIXES = ("m.policy.rule.", "org.matrix.mjolnir.rule.", "m.room.rule.")
_KINDS = {prefix + kind: kind for prefix in PREFIXES for kind in (USER, ROOM, SERVER)}
_BAN = ("m.ban", "org.matrix.mjolnir.ban")
_LONGEST = 255
_PORT = re.compile(r":[0-9]{1,5}\Z")


@dataclass(frozen=True)
class Rule:
    """One rule that recommends to ban: what it is about, as a glob."""

    kind: str
    entity: str


def read(kind: str, content: Mapping[str, object]) -> Rule | None:
    """A rule from its state event; None if it was taken back, recommends something else, or is malformed."""
    about, entity = _KINDS.get(kind), content.get("entity")
    if about is None or not isinstance(entity, str) or not 0 < len(entity) <= _LONGEST:
        return None
    return Rule(about, entity) if content.get("recommendation") in _BAN else None


def matches(user_id: str, rules: Iterable[Rule]) -> Rule | None:
    """The first rule about somebody or their homeserver; None if there is none."""
    return next((rule for rule in rules if _about(rule, user_id)), None)


def _about(rule: Rule, user_id: str) -> bool:
    if rule.kind == USER:
        return glob_matches(rule.entity, user_id)
    if rule.kind == SERVER:
        return server_matches(rule.entity, user_id.partition(":")[2])
    return False


def server_matches(glob: str, server: str) -> bool:
    """Whether a glob is about a homeserver: with or without its port, in any case of letters."""
    glob, server = glob.lower(), server.lower()
    return glob_matches(glob, server) or glob_matches(glob, host_of(server))


def host_of(server: str) -> str:
    """A server name without its port."""
    return _PORT.sub("", server)


def glob_matches(glob: str, text: str) -> bool:
    """Whether a glob stands for a text. A star only ever moves on, so no glob takes long."""
    at = seen = 0
    star, retry = -1, 0
    while seen < len(text):
        if at < len(glob) and glob[at] == "*":
            star, retry = at, seen
            at += 1
        elif at < len(glob) and glob[at] in ("?", text[seen]):
            at, seen = at + 1, seen + 1
        elif star >= 0:
            retry += 1
            at, seen = star + 1, retry
        else:
            return False
    return all(sign == "*" for sign in glob[at:])


class Globs:
    """Many globs, asked about many names: only those are tried that begin or end as the name does."""

    def __init__(self, globs: Iterable[str]) -> None:
        self._whole: set[str] = set()  # without wildcards
        self._heads: dict[int, dict[str, list[str]]] = {}
        self._tails: dict[int, dict[str, list[str]]] = {}
        self._others: list[str] = []
        for glob in dict.fromkeys(globs):
            self._add(glob)

    def _add(self, glob: str) -> None:
        first = next((index for index, sign in enumerate(glob) if sign in "*?"), -1)
        if first < 0:
            self._whole.add(glob)
            return
        tail = len(glob) - 1 - max(glob.rfind("*"), glob.rfind("?"))
        if tail >= first and tail:
            self._tails.setdefault(tail, {}).setdefault(glob[-tail:], []).append(glob)
        elif first:
            self._heads.setdefault(first, {}).setdefault(glob[:first], []).append(glob)
        else:
            self._others.append(glob)

    @property
    def names(self) -> frozenset[str]:
        """Those without wildcards."""
        return frozenset(self._whole)

    def find(self, text: str) -> str | None:
        """A glob that stands for a text; None if none does."""
        if text in self._whole:
            return text
        for length, by_head in self._heads.items():
            for glob in by_head.get(text[:length], ()):
                if glob_matches(glob, text):
                    return glob
        for length, by_tail in self._tails.items():
            for glob in by_tail.get(text[-length:], ()):
                if glob_matches(glob, text):
                    return glob
        return next((glob for glob in self._others if glob_matches(glob, text)), None)


@dataclass(frozen=True)
class Guard:
    """Who is never kept out, whatever a list says: our own homeserver and bots, and those who moderate."""

    server: str
    people: frozenset[str]

    def hit_by(self, rule: Rule) -> str | None:
        """Whom of them a rule is about; None if nobody."""
        if rule.kind == SERVER:
            servers = [self.server, *sorted({user.partition(":")[2] for user in self.people})]
            return next((one for one in servers if server_matches(rule.entity, one)), None)
        if rule.kind == USER and rule.entity.endswith(f":{self.server}"):
            return self.server
        if rule.kind == USER and not {"*", "?"}.intersection(rule.entity):
            return rule.entity if rule.entity in self.people else None
        if rule.kind == USER:
            return next((one for one in sorted(self.people) if glob_matches(rule.entity, one)), None)
        return None


class RuleBook:
    """The rules of one list, to be asked about many people.

    `exempt`: globs of people and homeservers whom the list does not concern here.
    """

    def __init__(
        self, rules: Iterable[Rule], exempt: Collection[str] = (), guard: Guard | None = None
    ) -> None:
        self.rules = tuple(dict.fromkeys(rules))
        self._guard = guard
        self._exempt = Globs(exempt)
        self._exempt_servers = Globs(one.lower() for one in exempt)
        self._users = Globs(rule.entity for rule in self.rules if rule.kind == USER)
        self._servers = Globs(rule.entity.lower() for rule in self.rules if rule.kind == SERVER)
        self._rooms = Globs(rule.entity for rule in self.rules if rule.kind == ROOM)

    def about(self, user_id: str) -> Rule | None:
        """The rule by which somebody is kept out; None if there is none, or they are exempt or guarded."""
        server = user_id.partition(":")[2]
        found = self._users.find(user_id)
        rule = None if found is None else Rule(USER, found)
        if rule is None:
            glob = self._server_rule(server)
            rule = None if glob is None else Rule(SERVER, glob)
        if rule is None or self._is_exempt(user_id, server):
            return None
        guard = self._guard
        if guard is not None and (user_id in guard.people or server == guard.server):
            return None
        return rule

    def about_room(self, name: str) -> bool:
        """Whether a room, by its id or alias, stands on the list."""
        return self._rooms.find(name) is not None

    def servers(self) -> frozenset[str]:
        """The homeservers to be denied, as globs, without those that would hit who is guarded or exempt."""
        return frozenset(
            rule.entity
            for rule in self.rules
            if rule.kind == SERVER
            and (self._guard is None or self._guard.hit_by(rule) is None)
            and not self._spares(rule.entity)
        )

    def guarded(self) -> list[tuple[Rule, str]]:
        """The rules that are about somebody guarded, and whom: they are not followed there."""
        if self._guard is None:
            return []
        hits = ((rule, self._guard.hit_by(rule)) for rule in self.rules)
        return [(rule, hit) for rule, hit in hits if hit is not None]

    def _server_rule(self, server: str) -> str | None:
        name = server.lower()
        return self._servers.find(name) or self._servers.find(host_of(name))

    def _is_exempt(self, user_id: str, server: str) -> bool:
        if self._exempt.find(user_id) is not None:
            return True
        name = server.lower()
        return any(self._exempt_servers.find(one) is not None for one in (name, host_of(name)))

    def _spares(self, glob: str) -> bool:
        """Whether a rule about servers is exempt itself, or would hit one that is."""
        return self._exempt_servers.find(glob.lower()) is not None or any(
            server_matches(glob, one) for one in self._exempt.names
        )
