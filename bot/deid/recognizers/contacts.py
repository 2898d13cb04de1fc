"""E-mail addresses, web addresses, network addresses and handles; telephone numbers are in `phones`. Pure."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import phones, shapes
from bot.deid.recognizers.cues import Places, matches

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"(?<![\w.+-])[\w.+'%-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{1,5}}")
_SPELT = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,40}(?: ?[(\[{] ?(?:at|ät|arroba|arobase|@) ?[)\]}] ?| (?:@|ät|arroba|arobase) )"
    r"[\w-]{1,40}(?:(?: ?[(\[{] ?(?:dot|punkt|punto|point) ?[)\]}] ?| (?:dot|punkt|punto|point) "
    r"|\.)[\w-]{2,24}){1,4}",
    re.I,
)
# A spelt or spaced @ of such an address, and what stands before it.
_SPELT_SIGN = re.compile(r" ?[(\[{] ?(?:at|ät|arroba|arobase|@) ?[)\]}]| (?:@|ät|arroba|arobase) ", re.I)
_SPELT_LOCAL = re.compile(r"(?<![\w.+-])[\w.+-]{1,40}\Z")
_AT_DOT = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,40} at [\w-]{2,40}(?:(?: dot |\.)[\w-]{2,24}){0,3} dot "
    r"(?:com|org|net|edu|gov|uk|de|ch|fr|es|au|ca|nz|ie|example)(?![\w-])",
    re.I,
)
_URL = re.compile(r"(?<![\w@])(?:(?:https?|hxxps?|ftp)://|www\.)[^\s<>\"'“”„)\]}]{3,400}", re.I)
_TOP = (
    r"com|org|net|edu|gov|info|biz|io|app|dev|health|clinic|hospital|doctor|social|chat|online|site|blog|"
    r"example|(?:co|org|ac|nhs|gov|net|com|edu|govt|health|gob|nic|res)\.(?:uk|au|nz|za|in|sg|"
    r"es|mx|ar|ng|jp)|"
    r"nhs\.uk|gc\.ca|on\.ca|qc\.ca"
)
_DOMAIN = re.compile(
    rf"(?<![\w@./-])(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,4}}(?:{_TOP})(?![\w-]|"
    rf"\.[a-z])(?:/[^\s<>\"')\]]{{0,300}})?",
    re.I,
)
# Domains of countries are also words ("pain.in 5 min"): only with a path, or with a name of several parts.
_COUNTRY = re.compile(
    r"(?<![\w@./-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}(?:de|at|ch|uk|ie|fr|es|ca|au|"
    r"nz|in|sg|za|eu|us|be|nl|"
    r"it|me|ly|gl|care|tv|ai|to)/[^\s<>\"')\]]{1,300}",
    re.I,
)
_GERMAN = re.compile(
    r"(?<![\w@./-])(?:[a-z0-9](?:[a-z0-9-]{2,61}[a-z0-9])?\.){1,3}(?:de|ch|fr|eu)(?![\w-])", re.I
)
PUBLIC = shapes.bag(
    "nice.org.uk uptodate.com nih.gov doi.org who.int cdc.gov fda.gov ema.europa.eu "
    "escardio.org nejm.org thelancet.com "
    "bmj.com jamanetwork.com mdcalc.com medscape.com wikipedia.org radiopaedia.org awmf.org "
    "emcrit.org litfl.com "
    "clinicaltrials.gov acog.org orpha.net omim.org embryotox.de dosing.de gelbe-liste.de "
    "has-sante.fr vidal.fr aemps.es "
    "toxbase.org bnf.org medicines.org.uk sign.ac.uk cochranelibrary.com cochrane.org esmo.org "
    "nccn.org idsociety.org "
    "acc.org heart.org ahajournals.org acr.org eular.org kdigo.org diabetesjournals.org "
    "sciencedirect.com springer.com "
    "wiley.com nature.com plos.org medrxiv.org biorxiv.org arxiv.org rcog.org.uk rcpch.ac.uk "
    "resus.org.uk resus.org.au "
    "brit-thoracic.org.uk bsg.org.uk britishinfection.org eviq.org.au tg.org.au amh.net.au "
    "starship.org.nz rch.org.au "
    "dynamed.com statpearls.com openevidence.com rki.de leitlinien.de bfarm.de fachinfo.de "
    "pharmwiki.ch compendium.ch "
    "swissmedic.ch ages.at guiasalud.es seguridaddelpaciente.es crat.fr theriaque.org "
    "icd10data.com icd.who.int "
    "snomed.org loinc.org genome.ucsc.edu gnomad.broadinstitute.org varsome.com pubmed.gov "
    "google.com youtube.com brugadadrugs.org crediblemeds.org qtdrugs.org hiv-druginteractions.org "
    "hep-druginteractions.org covid19-druginteractions.org cancer-druginteractions.org drugs.com "
    "e-lactancia.org lecrat.fr"
)
_INNER_DOT = re.compile(r"\.(?<=[^\W_]\.)[^\W_]")
_JOINS = frozenset("_@./-")  # behind none of them a domain begins
_SIGN = re.compile("[@#!+$]")
_TWO_COLONS = re.compile(":[0-9A-Fa-f]{0,4}:")
_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?(?::\d{2,5})?(?![\w]|\.\d)")
_V6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:%\w{1,15}|/\d{1,3})?(?![\w:])", re.I)
_MAC = re.compile(
    r"(?<![\w:-])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:-])|"
    r"(?<![\w:-])(?:[0-9a-f]{2}-){5}[0-9a-f]{2}(?![\w:-])|"
    r"(?<![\w.])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![\w.])",
    re.I,
)
_MATRIX = re.compile(
    r"(?<![\w@#!+])[@#!+$][\w.=/+-]{1,100}:[a-z0-9][a-z0-9.-]{1,100}[a-z0-9](?::\d{2,5})?", re.I
)
_AT = re.compile(r"(?<![\w@./])@([^\W_](?:[\w.-]{0,40}\w)?)")
_SOCIAL = re.compile(
    r"(?<![^\W_])(?:insta(?:gram)?|ig|twitter|tik ?tok|snap(?:chat)?|facebook|fb|telegram|"
    r"signal|wechat|whatsapp|threads|"
    r"threema(?:-id)?|bluesky|mastodon|discord|reddit|linked ?in|skype|line id|matrix|handle|username|"
    r"portal(?: login| user)?|"
    r"user ?name|benutzername|"
    r"screen ?name|usuario|identifiant|pseudo)(?![^\W_])",
    re.I,
)
_NICK = re.compile(r"[^\W_][\w.-]{2,40}")
_ORDINARY = re.compile(r"\d|(?:\w\.)+\w?\Z")
_PLAIN = shapes.bag("portal handle signal snap threads pseudo matrix usuario fb ig")
# "jb_pharmD": a login; nothing in running text is joined by an underscore.
_LOGIN = re.compile(
    r"(?<![\w@/.:-])[a-z][a-z0-9]{1,20}_(?=[\w]{0,20}[a-z])[A-Za-z0-9]{2,20}(?![\w/.]\w|[_(])"
)
_REDDIT = re.compile(r"(?<![\w/])/?u/([\w-]{3,30})")
_COMMON = shapes.bag(
    "kollege kollegin kollegen kolleginnen colleagues "
    "home bedside all room here everyone channel team alle todos tous rounds night nights day "
    "days work noon midnight "
    "icu itu ed er or ot ward the his her my our times rate max least around about once "
    "discharge baseline rest "
    "theatre clinic handover present time least same home beside"
)


def find(source: Source) -> Iterable[Hit]:
    """E-mail addresses, URLs, domains, IP and MAC addresses, Matrix and social handles, telephone numbers."""
    text, places = source.text, source.once(Places)
    if "@" in text:
        yield from _mails(text)
        yield from _mentions(places)
    for spelt in (*_spelt(places), *(_AT_DOT.finditer(text) if " dot " in places.low else ())):
        if "@" not in spelt.group() or " " in spelt.group():
            yield Hit(spelt.start(), spelt.end(), Kind.EMAIL, Trust.SURE, "spelt e-mail")
    yield from _sites(places)
    yield from _networks(places)
    yield from _nicks(places)
    yield from phones.find(source)


def _mails(text: str) -> Iterator[Hit]:
    for mail in _EMAIL.finditer(text):
        start = mail.start()
        while text[start] in "'%.+-":
            start += 1
        if text[start] != "@":
            yield Hit(start, mail.end(), Kind.EMAIL, Trust.PROVEN, "e-mail")


def _spelt(places: Places) -> Iterator[re.Match[str]]:
    """Addresses with a spelt or spaced @, looked for around it."""
    starts = []
    for sign in _SPELT_SIGN.finditer(places.text):
        local = _SPELT_LOCAL.search(places.text, max(0, sign.start() - 40), sign.start())
        if local is not None:
            starts.append(local.start())
    return matches(_SPELT, places.text, starts)


def _mentions(places: Places) -> Iterator[Hit]:
    text, taken = places.text, -1
    for full in matches(_MATRIX, text, [sign.start() for sign in _SIGN.finditer(text)]):
        if "." in full.group().partition(":")[2] or full.group().endswith("localhost"):
            taken = full.end()
            yield Hit(full.start(), full.end(), Kind.HANDLE, Trust.PROVEN, "matrix id")
    for at in matches(_AT, text, [sign.start() for sign in _SIGN.finditer(text) if sign[0] == "@"]):
        name = at[1]
        if at.start() < taken and _MATRIX.match(text, at.start()):
            continue
        if any(one in "._-" or one.isdigit() for one in name) and any(one.isalpha() for one in name):
            if name[0].isdigit() and name.rstrip("hapm").isdigit():
                continue  # "@8am"
            yield Hit(at.start(), at.end(), Kind.HANDLE, Trust.SURE, "handle")
        elif name.isalpha() and len(name) > 2 and name.lower() not in _COMMON and not name.isupper():
            yield Hit(at.start(1), at.end(1), Kind.CLINICIAN, Trust.SURE, "mention")


def _sites(places: Places) -> Iterator[Hit]:
    text = places.text
    starts = _dotted(places)
    for pattern, rule in ((_URL, "url"), (_DOMAIN, "domain"), (_COUNTRY, "domain"), (_GERMAN, "domain")):
        for site in places.worded(pattern) if pattern is _URL else matches(pattern, text, starts):
            end = site.end()
            while text[end - 1] in ".,;:!?…*_’":
                end -= 1
            if not _public(site.group()):
                yield Hit(site.start(), end, Kind.URL, Trust.SURE, rule)
    if "matrix.to" in text or "t.me/" in text or "wa.me/" in text:
        for short in re.finditer(r"(?<![\w.])(?:t\.me|wa\.me|matrix\.to)/[^\s)\]]{2,120}", text):
            yield Hit(short.start(), short.end(), Kind.URL, Trust.SURE, "url")


def _dotted(places: Places) -> Sequence[int]:
    """The words with which domains may begin: there is a point in them or in what is joined to them."""
    points = [point.start() for point in _INNER_DOT.finditer(places.text)]
    if not points:
        return ()
    found: list[int] = []
    first = 0
    for start, end in pairwise((*places.starts, len(places.text))):
        if places.text[start - 1 : start] not in _JOINS:
            first = start
        if bisect_left(points, end) > bisect_left(points, start) and found[-1:] != [first]:
            found.append(first)
    return found


def _public(address: str) -> bool:
    """Whether an address is one of public literature."""
    host = re.sub(r"^\w+://", "", address.lower()).split("/")[0].split("?")[0].rsplit("@")[-1].split(":")[0]
    parts = host.split(".")
    return any(".".join(parts[at:]) in PUBLIC for at in range(min(len(parts), 6)))


def _networks(places: Places) -> Iterator[Hit]:
    text = places.text
    for four in places.numbered(_V4):
        parts = four.group().partition("/")[0].partition(":")[0].split(".")
        if all(int(part) < 256 for part in parts):
            yield Hit(four.start(), four.end(), Kind.IP, Trust.SURE, "ipv4")
    if _TWO_COLONS.search(text) is not None:
        for six in _V6.finditer(text):
            address = six.group().partition("%")[0].partition("/")[0]
            if len(address) > 5 and _is_v6(address):
                yield Hit(six.start(), six.end(), Kind.IP, Trust.SURE, "ipv6")
    for card in places.worded(_MAC):
        trust = (
            Trust.SURE if any(one.isalpha() for one in card.group()) or ":" in card.group() else Trust.SOFT
        )
        yield Hit(card.start(), card.end(), Kind.IP, trust, "mac")


def _is_v6(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).version == 6
    except ValueError:
        return False


def _nicks(places: Places) -> Iterator[Hit]:
    """Handles behind the name of a network: "insta: jonas.mom.1987"."""
    text = places.text
    for cue in places.worded(_SOCIAL):
        here, limit = cue.end(), min(len(text), cue.end() + 40)
        for _ in range(5):
            nick = _NICK.search(text, here, limit)
            if nick is None or "\n" in text[cue.end() : nick.start()]:
                break
            name = nick.group().rstrip(".-")
            inner = any(one in "_." for one in name) or (
                any(one.isdigit() for one in name) and cue.group().lower() != "ig"
            )
            if (
                inner
                and not _ORDINARY.match(name)
                and (cue.group().lower() not in _PLAIN or any(one.isdigit() or one == "_" for one in name))
                and sum(one.isalpha() for one in name) >= 3
                and "@" not in text[max(0, nick.start() - 1) : nick.end() + 1]
            ):
                yield Hit(nick.start(), nick.start() + len(name), Kind.HANDLE, Trust.SURE, "nick")
                break
            here = nick.end()
    if "_" in text:
        for login in places.worded(_LOGIN):
            yield Hit(login.start(), login.end(), Kind.HANDLE, Trust.SOFT, "login")
    for user in _REDDIT.finditer(text) if "u/" in text else ():
        yield Hit(user.start(), user.end(), Kind.HANDLE, Trust.SURE, "nick")
