"""OpenID Connect, from the relying party's side: the code flow with PKCE.

OpenID Connect Core 1.0 (sections 3.1 and 5.3), Discovery 1.0, RFC 7636 (S256), RFC 9207 (`iss` in the
answer), RFC 9700 (security best practice). What the provider says is checked here and kept nowhere; the
reasons in `Refused` and `Unreachable` are short codes that hold nothing of it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

from bot.setting_types import is_loopback
from bot.settings import OidcSettings

# Asymmetric signatures alone: with `none` or HS256 whoever knows the client id or its secret could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512, "DSA": hashlib.sha512}

LEEWAY = timedelta(seconds=60)
OLDEST_TOKEN = timedelta(minutes=10)  # it is fetched within seconds of its being made
_KEEP_METADATA = timedelta(hours=1)
_ASK_KEYS_AGAIN = timedelta(seconds=10)
_TIMEOUT = aiohttp.ClientTimeout(total=20, connect=8)
_LARGEST_ANSWER = 512 * 1024
_LONGEST_TOKEN = 32 * 1024


class Refused(Exception):
    """What the provider, or somebody in its name, handed over proves nothing; `reason` is a short code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unreachable(Exception):
    """The provider does not answer as it should; `reason` is a short code for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Asked:
    """The secrets of one sign-in: the state is shown to the browser, the others never."""

    state: str
    nonce: str
    verifier: str

    @staticmethod
    def fresh() -> Asked:
        """New ones, of 256 random bits each."""
        return Asked(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32))


@dataclass(frozen=True)
class Identity:
    """Who signed in: the provider's account, and what it says of it."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


def challenge(verifier: str) -> str:
    """The code challenge of a verifier, method S256 (RFC 7636, section 4.2)."""
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path through nested ones (`realm_access.roles`); None if there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def meets(claims: Mapping[str, Any], require: Mapping[str, Sequence[str]]) -> bool:
    """Whether every claim required holds at least one of its values."""
    return all(not _values(claim(claims, name)).isdisjoint(wanted) for name, wanted in require.items())


def _values(value: Any) -> set[str]:
    if isinstance(value, bool):
        return {"true"} if value else {"false"}
    if isinstance(value, str | int):
        return {str(value)}
    if isinstance(value, list):
        return {str(one) for one in value if isinstance(one, str | int)}
    return set()


def check_claims(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: datetime
) -> None:
    """The checks of an ID token's content (Core, 3.1.3.7); raises Refused."""
    if claims.get("iss") != issuer:
        raise Refused("issuer")
    audience = claims.get("aud")
    # Other audiences would have to be trusted with our token, and we know of none.
    if audience not in (client_id, [client_id]) or claims.get("azp", client_id) != client_id:
        raise Refused("audience")
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    if expires is None or at >= expires + leeway:
        raise Refused("expired")
    if issued is None or issued > at + leeway or issued < at - OLDEST_TOKEN.total_seconds():
        raise Refused("issued")
    early = _moment(claims.get("nbf", 0))
    if early is None or early > at + leeway:
        raise Refused("early")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise Refused("nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise Refused("subject")


def _moment(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def check_access_token(claims: Mapping[str, Any], algorithm: str, access_token: str) -> None:
    """Where the ID token names a hash of the access token, it must be this one's (Core, 3.1.3.6)."""
    if "at_hash" not in claims:
        return
    whole = _HASHES[algorithm[-3:]](access_token.encode("utf-8")).digest()
    half = _base64url(whole[: len(whole) // 2])
    if not hmac.compare_digest(str(claims["at_hash"]).encode(), half.encode()):
        raise Refused("access-token")


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


class Provider:
    """The hospital's provider: its metadata and keys are fetched when needed and kept for an hour."""

    def __init__(
        self, settings: OidcSettings, redirect_uri: str, secret: str | None, tls: ssl.SSLContext | bool
    ) -> None:
        """`redirect_uri` is the callback as registered there; `secret` None makes a public client."""
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._secret = secret
        self._tls = tls
        self._metadata: Mapping[str, Any] = {}
        self._metadata_at: datetime | None = None
        self._keys: list[Mapping[str, Any]] = []
        self._keys_at: datetime | None = None
        self._busy = asyncio.Lock()

    async def authorization_url(self, asked: Asked, now: datetime) -> str:
        """Where to send the browser (Core, 3.1.2.1); raises Unreachable."""
        endpoint = self._endpoint(await self._discover(now), "authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": challenge(asked.verifier),
            "code_challenge_method": "S256",
        }
        if self._settings.prompt:
            # On a shared workstation the colleague before may still be signed in.
            query["prompt"] = self._settings.prompt
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    async def check_issuer(self, said: str | None, now: datetime) -> None:
        """The `iss` of the provider's answer (RFC 9207): right where given, given where promised."""
        metadata = await self._discover(now)
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if said != self._settings.issuer if said is not None else promised:
            raise Refused("mixed-up")

    async def redeem(self, code: str, asked: Asked, now: datetime) -> Identity:
        """Change the code for who signed in; raises Refused or Unreachable."""
        metadata = await self._discover(now)
        async with self._session() as session:
            tokens = await self._tokens(session, metadata, code, asked)
            id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
            if not isinstance(id_token, str) or len(id_token) > _LONGEST_TOKEN:
                raise Refused("no-token")
            claims, algorithm = await self._verified(session, metadata, id_token, now)
            check_claims(
                claims,
                issuer=self._settings.issuer,
                client_id=self._settings.client_id,
                nonce=asked.nonce,
                now=now,
            )
            if isinstance(access_token, str):
                check_access_token(claims, algorithm, access_token)
                claims = await self._with_userinfo(session, metadata, access_token, claims)
        return Identity(self._settings.issuer, str(claims["sub"]), claims)

    # Requests ------------------------------------------------------------------------------------

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=_TIMEOUT, connector=aiohttp.TCPConnector(ssl=self._tls))

    async def _discover(self, now: datetime) -> Mapping[str, Any]:
        """The provider's metadata (Discovery, section 4); the issuer in it must be the one asked."""
        async with self._busy:
            if self._metadata_at is None or now - self._metadata_at > _KEEP_METADATA:
                url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                async with self._session() as session:
                    status, found = await self._ask(session, "GET", url)
                if status != 200 or found.get("issuer") != self._settings.issuer:
                    raise Unreachable("metadata")
                methods = found.get("code_challenge_methods_supported")
                if isinstance(methods, list) and "S256" not in methods:
                    raise Unreachable("no-pkce")
                self._metadata, self._metadata_at = found, now
            return self._metadata

    def _endpoint(self, metadata: Mapping[str, Any], name: str) -> str:
        url = metadata.get(name)
        if not isinstance(url, str):
            raise Unreachable(name)
        parts = urlsplit(url)
        here = parts.scheme == "http" and is_loopback(parts.hostname)
        if parts.scheme != "https" and not (here and self._settings.issuer.startswith("http:")):
            raise Unreachable(name)
        return url

    async def _ask(
        self, session: aiohttp.ClientSession, method: str, url: str, **options: Any
    ) -> tuple[int, Mapping[str, Any]]:
        """One request for a JSON object; redirects are not followed, for they could carry secrets away."""
        headers = {"Accept": "application/json", **options.pop("headers", {})}
        try:
            async with session.request(
                method, url, headers=headers, allow_redirects=False, **options
            ) as answer:
                body = await answer.content.read(_LARGEST_ANSWER + 1)
                while len(body) <= _LARGEST_ANSWER and (more := await answer.content.read(_LARGEST_ANSWER)):
                    body += more
                if len(body) > _LARGEST_ANSWER:
                    raise Unreachable("too-long")
                try:
                    value = json.loads(body)
                except ValueError:
                    value = {}
                return answer.status, value if isinstance(value, Mapping) else {}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(type(error).__name__) from None

    async def _tokens(
        self, session: aiohttp.ClientSession, metadata: Mapping[str, Any], code: str, asked: Asked
    ) -> Mapping[str, Any]:
        """The token request (Core, 3.1.3.1) with the client's own proof (RFC 6749, section 2.3.1)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": asked.verifier,
        }
        headers = {}
        offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._secret is None:
            form["client_id"] = self._settings.client_id
        elif "client_secret_basic" in offered:
            login = urlencode({"u": self._settings.client_id})[2:] + ":" + urlencode({"p": self._secret})[2:]
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        else:
            form |= {"client_id": self._settings.client_id, "client_secret": self._secret}
        url = self._endpoint(metadata, "token_endpoint")
        status, found = await self._ask(session, "POST", url, data=form, headers=headers)
        if status == 200:
            return found
        if found.get("error") == "invalid_grant":
            raise Refused("code")
        raise Unreachable("client" if found.get("error") == "invalid_client" else "token-request")

    async def _with_userinfo(
        self,
        session: aiohttp.ClientSession,
        metadata: Mapping[str, Any],
        access_token: str,
        claims: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Claims that we look at and that the ID token lacks, from the UserInfo endpoint (Core, 5.3)."""
        wanted = {*self._settings.require, self._settings.account_claim, self._settings.npi_claim} - {""}
        if "userinfo_endpoint" not in metadata or all(claim(claims, name) is not None for name in wanted):
            return claims
        url = self._endpoint(metadata, "userinfo_endpoint")
        headers = {"Authorization": f"Bearer {access_token}"}
        status, more = await self._ask(session, "GET", url, headers=headers)
        if status != 200:
            raise Unreachable("userinfo")
        if more.get("sub") != claims["sub"]:
            raise Refused("userinfo")
        return {**more, **claims}

    # Keys ----------------------------------------------------------------------------------------

    async def _verified(
        self, session: aiohttp.ClientSession, metadata: Mapping[str, Any], token: str, now: datetime
    ) -> tuple[Mapping[str, Any], str]:
        """The claims of a token whose signature is the provider's, and its algorithm."""
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Refused("token") from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        offered = metadata.get("id_token_signing_alg_values_supported", ALGORITHMS)
        if algorithm not in ALGORITHMS or algorithm not in offered:
            raise Refused("algorithm")
        for key in await self._keys_for(session, metadata, algorithm, key_id, now):
            try:
                # Times, issuer and audience are checked by ourselves: by our clock, and more strictly.
                claims = jwt.decode(
                    token,
                    jwt.PyJWK(dict(key), algorithm),
                    algorithms=[algorithm],
                    options={
                        "verify_aud": False,
                        "verify_iss": False,
                        "verify_exp": False,
                        "verify_iat": False,
                        "verify_nbf": False,
                        "verify_sub": False,
                        "verify_jti": False,
                    },
                )
            except jwt.PyJWTError:
                continue
            return claims, algorithm
        raise Refused("signature")

    async def _keys_for(
        self,
        session: aiohttp.ClientSession,
        metadata: Mapping[str, Any],
        algorithm: str,
        key_id: Any,
        now: datetime,
    ) -> list[Mapping[str, Any]]:
        """The keys that may have signed; for an unknown one we ask again: the provider may have rotated."""
        async with self._busy:
            fitting = _fitting(self._keys, algorithm, key_id)
            stale = self._keys_at is None or now - self._keys_at > _KEEP_METADATA
            again = self._keys_at is not None and now - self._keys_at > _ASK_KEYS_AGAIN
            if stale or (not fitting and again):
                status, found = await self._ask(session, "GET", self._endpoint(metadata, "jwks_uri"))
                keys = found.get("keys")
                if status != 200 or not isinstance(keys, list):
                    raise Unreachable("keys")
                self._keys = [key for key in keys if isinstance(key, Mapping)]
                self._keys_at = now
                fitting = _fitting(self._keys, algorithm, key_id)
            if not fitting:
                raise Refused("key")
            return fitting


def _fitting(keys: Sequence[Mapping[str, Any]], algorithm: str, key_id: Any) -> list[Mapping[str, Any]]:
    kind = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithm[:2]]
    return [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    ]
