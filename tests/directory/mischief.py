"""An OpenID provider that answers wrongly on demand: what a real one never hands out, an attacker would."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from yarl import URL

Claims = dict[str, Any]


@cache
def _key(name: str, *, curve: bool = False) -> Any:
    """A private key, made once in a run: making one takes longer than a sign-in."""
    return ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)


def _hash(value: str) -> str:
    half = hashlib.sha256(value.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


class Mischief:
    """`claims` changes the ID token's content, `sign` makes a token of it, `extra` changes other answers."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: dict[str, Any] = {"k1": _key("k1")}
        self.publishes = ["k1"]
        self.claims: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed
        self.issuer: str | None = None  # what discovery says of it
        self.callback: Callable[[dict[str, str]], dict[str, str]] = lambda query: query
        self.userinfo: Claims | None = None
        self.subject = "s-1"
        self.role: Any = "physician"
        self.promises_iss = True
        self.codes: dict[str, dict[str, str]] = {}
        self.redeemed: list[str] = []
        self.key_fetches = 0
        self.answer: Callable[[], web.Response] | None = None

    def signed(self, claims: Claims, key: str = "k1", algorithm: str = "RS256", **header: Any) -> str:
        return jwt.encode(claims, self.keys[key], algorithm=algorithm, headers={"kid": key, **header})

    def new_key(self, name: str, *, published: bool = True, curve: bool = False) -> None:
        self.keys[name] = _key(name, curve=curve)
        if published:
            self.publishes.append(name)

    async def discovery(self, _request: web.Request) -> web.Response:
        found = {
            "issuer": self.issuer or self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self.promises_iss,
        }
        if self.userinfo is not None:
            found["userinfo_endpoint"] = f"{self.url}/me"
        return web.json_response(found)

    async def authorize(self, request: web.Request) -> web.Response:
        """Everybody is signed in at once."""
        code = uuid4().hex
        self.codes[code] = dict(request.query)
        query = {"code": code, "state": request.query["state"]}
        if self.promises_iss:
            query["iss"] = self.url
        target = URL(request.query["redirect_uri"]).with_query(self.callback(query))
        return web.Response(status=303, headers={"Location": str(target)})

    async def token(self, request: web.Request) -> web.Response:
        if self.answer is not None:
            return self.answer()
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        if asked is None or challenge.rstrip(b"=").decode() != asked["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.redeemed.append(str(form["code"]))
        now, access_token = int(time.time()), uuid4().hex
        claims = {
            "iss": self.url,
            "sub": self.subject,
            "aud": asked["client_id"],
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "at_hash": _hash(access_token),
        }
        if self.userinfo is None:
            claims["role"] = self.role
        token = self.sign(self.claims(claims))
        return web.json_response({"access_token": access_token, "token_type": "Bearer", "id_token": token})

    async def published(self, _request: web.Request) -> web.Response:
        self.key_fetches += 1
        keys = []
        for name in self.publishes:
            algorithm = (
                jwt.algorithms.ECAlgorithm
                if isinstance(self.keys[name], ec.EllipticCurvePrivateKey)
                else jwt.algorithms.RSAAlgorithm
            )
            public = algorithm.to_jwk(self.keys[name].public_key(), as_dict=True)
            keys.append({**public, "kid": name, "use": "sig"})
        return web.json_response({"keys": keys})

    async def me(self, _request: web.Request) -> web.Response:
        return web.json_response(self.userinfo)


@asynccontextmanager
async def mischief() -> AsyncIterator[Mischief]:
    """A provider on a free port of this machine."""
    provider = Mischief()
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", provider.discovery),
            web.get("/authorize", provider.authorize),
            web.post("/token", provider.token),
            web.get("/keys", provider.published),
            web.get("/me", provider.me),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider
    finally:
        await runner.cleanup()
