"""Signing in: whom it proves, and what it refuses, each refusal with a page and an audit line."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from aiohttp import web

from bot.chat.desk import Desk
from bot.directory import service
from bot.directory.imports import store as runs
from bot.directory.signin import free
from bot.directory.standing import Level
from tests.directory.mischief import Claims, Mischief
from tests.directory.stage import ANNA, BEN, COOKIE, MOD, Browser, Page, SignInStage, query_of


async def go(stage: SignInStage, *, user_id: str = ANNA, browser: Browser | None = None) -> Page:
    """The whole way, as a person walks it; returns the last page."""
    browser = browser or stage.browser()
    page = await browser.get(await stage.link(user_id))
    assert page.status == 200, page
    asked = await browser.press(page)
    assert asked.status == 303, asked
    back = await browser.get(asked.location)
    return await browser.get(back.location)


async def test_a_sign_in_verifies_the_account_that_asked(stage: SignInStage, provider: Mischief) -> None:
    browser = stage.browser()
    link = await stage.link()
    page = await browser.get(link)
    assert ANNA in page.text and "North &lt;Hospital&gt;" in page.text and "<Hospital>" not in page.text
    assert await stage.level() == Level.L0
    asked = await browser.press(page)
    query = parse_qs(urlsplit(asked.location).query)
    assert query["response_type"] == ["code"] and query["code_challenge_method"] == ["S256"]
    assert query["prompt"] == ["login"] and query["scope"] == ["openid profile"]
    assert len(query["state"][0]) >= 43 and len(query["nonce"][0]) >= 43
    back = await browser.get(asked.location)
    done = await browser.get(back.location)
    assert (done.status, done.heading) == (200, "Done: your account is verified")
    assert await stage.level() == Level.L3
    ((room, text),) = await stage.messages()
    assert room == f"dm:{ANNA}" and text.startswith(
        "Your hospital’s sign-in has confirmed you: verified clinician"
    )
    actions = [(actor, action) for actor, action, _ in await stage.audit()]
    assert actions == [
        (ANNA, "signin.link"),
        (ANNA, "signin.started"),
        ("oidc", "verified"),
    ]
    # The link, the code and the state have done their work.
    again = await browser.get(link)
    assert (again.status, again.heading) == (410, "This link is no longer valid")
    replay = await browser.get(back.location)
    assert replay.status == 403 and await stage.refusals() == ["state"]
    assert len(provider.redeemed) == 1


# Forged, wrong, stale tokens ---------------------------------------------------------------------


def changed(**values: Any) -> Callable[[Mischief], None]:
    def set_up(provider: Mischief) -> None:
        provider.claims = lambda claims: {
            name: value for name, value in {**claims, **values}.items() if value is not None
        }

    return set_up


def later(name: str, seconds: float) -> Callable[[Mischief], None]:
    def set_up(provider: Mischief) -> None:
        provider.claims = lambda claims: {**claims, name: int(time.time() + seconds)}

    return set_up


def signing(sign: Callable[[Mischief, Claims], str]) -> Callable[[Mischief], None]:
    def set_up(provider: Mischief) -> None:
        provider.sign = lambda claims: sign(provider, claims)

    return set_up


def unsigned(_provider: Mischief, claims: Claims) -> str:
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"})


def with_public_key(provider: Mischief, claims: Claims) -> str:
    """The classic confusion: the public key, which everybody has, as an HMAC secret."""
    import base64
    import hashlib
    import hmac
    import json

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    public = provider.keys["k1"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = part({"alg": "HS256", "kid": "k1", "typ": "JWT"}) + b"." + part(claims)
    mac = hmac.new(public, text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def with_foreign_key(provider: Mischief, claims: Claims) -> str:
    if "foreign" not in provider.keys:
        provider.new_key("foreign", published=False)
    return provider.signed(claims, "foreign", kid="k1")


def with_unknown_key(provider: Mischief, claims: Claims) -> str:
    provider.new_key("unknown", published=False)
    return provider.signed(claims, "unknown")


def with_key_in_header(provider: Mischief, claims: Claims) -> str:
    provider.new_key("own", published=False)
    own = jwt.algorithms.RSAAlgorithm.to_jwk(provider.keys["own"].public_key(), as_dict=True)
    return provider.signed(
        claims, "own", kid="k1", jwk=own, jku=f"{provider.url}/own", x5u=f"{provider.url}/own"
    )


def cut(provider: Mischief, claims: Claims) -> str:
    head, body, _signature = provider.signed(claims).split(".")
    return f"{head}.{body}."


def altered(provider: Mischief, claims: Claims) -> str:
    head, _body, signature = provider.signed(claims).split(".")
    _, body, _ = provider.signed({**claims, "sub": "somebody-else"}).split(".")
    return f"{head}.{body}.{signature}"


FORGED: dict[str, tuple[Callable[[Mischief], None], str]] = {
    "wrong audience": (changed(aud="another-client"), "audience"),
    "several audiences": (changed(aud=["curbside", "another-client"]), "audience"),
    "no audience": (changed(aud=None), "audience"),
    "another authorised party": (changed(azp="another-client"), "audience"),
    "wrong issuer": (changed(iss="https://elsewhere.example"), "issuer"),
    "wrong nonce": (changed(nonce="0" * 43), "nonce"),
    "no nonce": (changed(nonce=None), "nonce"),
    "expired": (later("exp", -90), "expired"),
    "no expiry": (changed(exp=None), "expired"),
    "expiry that is text": (changed(exp="tomorrow"), "expired"),
    "old": (later("iat", -1200), "issued"),
    "from the future": (later("iat", 600), "issued"),
    "not yet valid": (later("nbf", 600), "early"),
    "no subject": (changed(sub=None), "subject"),
    "empty subject": (changed(sub=""), "subject"),
    "another access token's hash": (changed(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "access-token"),
    "unsigned": (signing(unsigned), "algorithm"),
    "HMAC with the public key": (signing(with_public_key), "algorithm"),
    "foreign key under a known name": (signing(with_foreign_key), "signature"),
    "unknown key": (signing(with_unknown_key), "key"),
    "key in the header": (signing(with_key_in_header), "signature"),
    "no signature": (signing(cut), "signature"),
    "altered content": (signing(altered), "signature"),
    "no token at all": (signing(lambda _provider, _claims: "no.token"), "token"),
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_proves_nothing(stage: SignInStage, provider: Mischief, name: str) -> None:
    set_up, reason = FORGED[name]
    set_up(provider)
    page = await go(stage)
    assert (page.status, page.heading) == (403, "That did not work"), page
    assert await stage.refusals() == [reason]
    assert await stage.level() == Level.L0
    assert await stage.messages() == []


async def test_a_token_of_an_earlier_sign_in_is_refused(stage: SignInStage, provider: Mischief) -> None:
    tokens: list[str] = []

    def keep(claims: Claims) -> str:
        tokens.append(provider.signed(claims))
        return tokens[0]

    provider.sign = keep
    assert (await go(stage)).status == 200
    assert (await go(stage, user_id=BEN)).status == 403
    assert await stage.refusals() == ["nonce"]
    assert await stage.level(BEN) == Level.L0


@pytest.mark.parametrize("curve", [False, True])
async def test_rotated_keys_are_fetched(
    make_stage: Callable[..., Any], provider: Mischief, curve: bool, clock: Any
) -> None:
    stage = await make_stage(clock=clock)
    assert (await go(stage)).status == 200
    provider.new_key("k2", curve=curve)
    provider.publishes.remove("k1")
    provider.sign = lambda claims: provider.signed(claims, "k2", "ES256" if curve else "RS256")
    clock.advance(timedelta(seconds=15))
    provider.subject = "s-2"
    assert (await go(stage, user_id=BEN)).status == 200
    assert provider.key_fetches == 2
    # Names that nobody knows do not make us ask again and again.
    provider.sign = lambda claims: with_unknown_key(provider, claims)
    for _ in range(3):
        assert (await go(stage)).status == 403
    assert provider.key_fetches == 2


# Codes, states, browsers -------------------------------------------------------------------------


async def asked_of(stage: SignInStage, browser: Browser, user_id: str = ANNA) -> str:
    """The callback that the provider sends this browser to."""
    asked = await browser.press(await browser.get(await stage.link(user_id)))
    return (await browser.get(asked.location)).location


async def test_a_forged_or_foreign_state_is_refused(stage: SignInStage, provider: Mischief) -> None:
    browser = stage.browser()
    callback = await asked_of(stage, browser)
    for state in ("", "A" * 43, query_of(callback)["state"][::-1]):
        page = await browser.get(f"{stage.url}/verify/callback?code=x&state={state}&iss={provider.url}")
        assert page.status == 403
    # Another browser, a stolen URL: refused, and the person's own sign-in goes on.
    thief = stage.browser()
    assert (await thief.get(callback)).status == 403
    thief.cookies = {urlsplit(stage.url).netloc: {COOKIE: "B" * 43}}
    assert (await thief.get(callback)).status == 403
    assert await stage.refusals() == ["state", "state", "state", "browser", "browser"]
    assert provider.redeemed == [] and await stage.level() == Level.L0
    assert (await browser.get(callback)).status == 200


async def test_two_answers_at_once_count_once(stage: SignInStage, provider: Mischief) -> None:
    browser = stage.browser()
    callback = await asked_of(stage, browser)
    pages = await asyncio.gather(*(browser.get(callback) for _ in range(5)))
    assert sorted(page.status for page in pages) == [200, 403, 403, 403, 403]
    assert len(provider.redeemed) == 1 and len(await stage.messages()) == 1


async def test_the_answer_of_another_provider_is_refused(stage: SignInStage, provider: Mischief) -> None:
    for query in ({"iss": "https://evil.example"}, {"iss": None}):
        provider.callback = lambda found, query=query: {  # type: ignore[misc]
            name: value for name, value in {**found, **query}.items() if value is not None
        }
        assert (await go(stage)).status == 403
    assert await stage.refusals() == ["mixed-up", "mixed-up"] and provider.redeemed == []


async def test_metadata_of_another_issuer_is_no_metadata(stage: SignInStage, provider: Mischief) -> None:
    provider.issuer = "https://evil.example"
    browser = stage.browser()
    page = await browser.press(await browser.get(link := await stage.link()))
    assert (page.status, page.heading) == (503, "The sign-in does not answer")
    provider.issuer = None
    assert (await browser.press(await browser.get(link))).status == 303  # nothing was used up


async def test_a_code_that_was_redeemed_elsewhere_is_refused(stage: SignInStage, provider: Mischief) -> None:
    browser = stage.browser()
    callback = await asked_of(stage, browser)
    provider.codes.clear()
    assert (await browser.get(callback)).status == 403
    assert await stage.refusals() == ["code"]


async def test_somebody_elses_code_does_not_fit_the_verifier(stage: SignInStage, provider: Mischief) -> None:
    """Code injection (RFC 9700, 4.5): PKCE ties a code to the browser's own request."""
    victim, attacker = stage.browser(), stage.browser()
    stolen = query_of(await asked_of(stage, victim))["code"]
    own = query_of(await asked_of(stage, attacker, BEN))
    page = await attacker.get(
        f"{stage.url}/verify/callback?code={stolen}&state={own['state']}&iss={provider.url}"
    )
    assert page.status == 403 and await stage.level(BEN) == Level.L0


async def test_looking_at_a_link_does_not_use_it(stage: SignInStage) -> None:
    link = await stage.link()
    preview = stage.browser()
    for _ in range(3):
        assert (await preview.get(link)).status == 200
    assert (await preview.request("HEAD", link)).text == ""
    browser = stage.browser()
    page = await browser.get(link)
    assert (await browser.press(page)).status == 303
    # From now on it is that browser's: which may press again, if its network or its finger slipped.
    stranger = await preview.get(link)
    assert (stranger.status, stranger.heading) == (403, "This link belongs to another browser")
    assert (await browser.press(page)).status == 303
    assert (await browser.press(page)).status == 303


async def test_a_link_ends_with_its_time_or_with_a_newer_one(
    make_stage: Callable[..., Any], clock: Any
) -> None:
    stage = await make_stage(clock=clock)
    browser = stage.browser()
    first, second = await stage.link(), await stage.link()
    assert (await browser.get(first)).status == 410
    page = await browser.get(second)
    assert page.status == 200
    clock.advance(timedelta(minutes=15))
    assert (await browser.get(second)).status == 410
    assert (await browser.press(page)).status == 410
    assert (await browser.get(f"{stage.url}/verify/{'x' * 43}")).status == 410


async def test_an_answer_that_comes_too_late_is_refused(make_stage: Callable[..., Any], clock: Any) -> None:
    stage = await make_stage(clock=clock)
    browser = stage.browser()
    callback = await asked_of(stage, browser)
    clock.advance(timedelta(minutes=11))
    page = await browser.get(callback)
    assert (page.status, page.heading) == (410, "That took too long")


async def test_a_link_is_begun_five_times_at_most(stage: SignInStage) -> None:
    browser = stage.browser()
    page = await browser.get(link := await stage.link())
    for _ in range(5):
        assert (await browser.press(page)).status == 303
    assert (await browser.press(page)).status == 410
    assert (await browser.get(link)).status == 410


# Who is a clinician, and whose account -----------------------------------------------------------


@pytest.mark.parametrize("role", ["porter", ["porter", "clerk"], None, {"physician": True}, ["physicians"]])
async def test_who_is_no_clinician_is_not_verified(stage: SignInStage, provider: Mischief, role: Any) -> None:
    provider.role = role
    page = await go(stage)
    assert (page.status, page.heading) == (403, "You are not known as a clinician there")
    assert await stage.refusals() == ["no-clinician"] and await stage.level() == Level.L0


async def test_one_hospital_account_verifies_one_matrix_account(
    stage: SignInStage, provider: Mischief
) -> None:
    assert (await go(stage)).status == 200
    page = await go(stage, user_id=BEN)
    assert (page.status, page.heading) == (403, "This hospital account is in use already")
    assert await stage.level(BEN) == Level.L0 and await stage.refusals() == ["taken"]
    assert any(room == "room:moderators" and BEN in text for room, text in await stage.messages())
    assert (await go(stage)).status == 200  # renewing one's own is fine
    async with stage.database.begin() as tx:
        desk = Desk(stage.house, tx, "curbside")
        assert await free(desk, ANNA, by=MOD)
        assert not await free(desk, ANNA, by=MOD)
    assert await stage.level() == Level.L0
    assert (await go(stage, user_id=BEN)).status == 200
    assert await stage.level(BEN) == Level.L3


async def test_whom_a_moderator_has_withdrawn_is_not_verified_again(stage: SignInStage) -> None:
    async with stage.database.begin() as tx:
        await service.withdraw(Desk(stage.house, tx, "curbside"), ANNA, by=MOD)
    page = await go(stage)
    assert (page.status, page.heading) == (403, "A moderator has to look at your account first")
    assert await stage.level() == Level.L0 and await stage.refusals() == ["held"]


@pytest.mark.parametrize(
    ("said", "status"),
    [("anna", 200), ("@anna:north.example", 200), ("ANNA", 200), ("ben", 403), (None, 403)],
)
async def test_the_hospital_may_say_whose_account_it_is(
    make_stage: Callable[..., Any], provider: Mischief, said: str | None, status: int
) -> None:
    stage = await make_stage(account_claim="preferred_username")
    provider.claims = lambda claims: {**claims, "preferred_username": said}
    assert (await go(stage)).status == status


async def test_claims_may_be_nested_or_come_with_the_userinfo(
    make_stage: Callable[..., Any], provider: Mischief
) -> None:
    stage = await make_stage(require={"realm_access.roles": ["clinician"]})
    provider.userinfo = {"sub": "somebody-else", "realm_access": {"roles": ["clinician"]}}
    assert (await go(stage)).status == 403
    assert await stage.refusals() == ["userinfo"]
    provider.userinfo = {"sub": provider.subject, "realm_access": {"roles": ["staff", "clinician"]}}
    assert (await go(stage)).status == 200


async def test_who_changes_their_mind_may_try_again(stage: SignInStage, provider: Mischief) -> None:
    provider.callback = lambda query: {
        **{k: v for k, v in query.items() if k != "code"},
        "error": "access_denied",
    }
    browser = stage.browser()
    link = await stage.link()
    asked = await browser.press(await browser.get(link))
    page = await browser.get((await browser.get(asked.location)).location)
    assert (page.status, page.heading) == (200, "You have not signed in")
    provider.callback = lambda query: query
    asked = await browser.press(await browser.get(link))
    assert (await browser.get((await browser.get(asked.location)).location)).heading.startswith("Done")


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500, text="stack trace"),
        lambda: web.Response(text="<html>no JSON</html>"),
        lambda: web.json_response(["no", "object"]),
        lambda: web.Response(text="{" + "x" * 600_000),
        lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
)
async def test_a_provider_in_trouble_is_said_so(
    stage: SignInStage, provider: Mischief, answer: Callable[[], web.Response]
) -> None:
    provider.answer = answer
    page = await go(stage)
    assert page.status in (403, 503) and "trace" not in page.text
    assert await stage.level() == Level.L0


# PostgreSQL --------------------------------------------------------------------------------------


async def test_on_postgresql_as_well(
    make_stage: Callable[..., Any], provider: Mischief, postgres: Any
) -> None:
    stage = await make_stage(database_url=await postgres.create_database())
    browser = stage.browser()
    callback = await asked_of(stage, browser)
    pages = await asyncio.gather(*(browser.get(callback) for _ in range(5)))
    assert sorted(page.status for page in pages) == [200, 403, 403, 403, 403]
    assert len(provider.redeemed) == 1 and await stage.level() == Level.L3
    # One hospital account, two Matrix accounts, the same moment: one of them gets it.
    provider.subject = "s-2"
    people = [f"@p{number}:north.example" for number in range(4)]
    browsers = [stage.browser() for _ in people]
    callbacks = [await asked_of(stage, one, user) for one, user in zip(browsers, people, strict=True)]
    done = await asyncio.gather(
        *(one.get(callback) for one, callback in zip(browsers, callbacks, strict=True))
    )
    assert sorted(page.status for page in done) == [200, 403, 403, 403]
    assert sorted([await stage.level(user) for user in people]) == [0, 0, 0, 3]
    async with stage.database.begin() as tx:
        desk = Desk(stage.house, tx, "curbside")
        claims = [await runs.claim(tx, "ldap", tx.now + timedelta(minutes=30)) for _ in range(2)]
        await runs.note(tx, "ldap", tx.now, "ok", {"added": 1})
        run = await runs.run_of(tx, "ldap")
        assert await free(desk, ANNA, by=MOD)
    assert claims == [True, False] and run is not None and run.counts == {"added": 1}
