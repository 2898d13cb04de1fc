"""How a bot logs in: by password, by access token, or as an application service's user.

The device stays the same from start to start: it owns the encryption keys, and the homeserver tells
repeated requests by it (C-S API, "Transaction identifiers").
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.kernel.errors import CurbsideError
from bot.matrix.http import Http, MatrixError, TokenRevoked, quoted
from bot.matrix.store import SecretBox
from bot.settings import BotSettings, Settings

log = logging.getLogger(__name__)

_DEVICE_NAME = "Curbside"


@dataclass(frozen=True)
class Login:
    """Who we are on the homeserver. `password` is kept in memory for requests that ask for it again."""

    user_id: str
    device_id: str
    password: str | None
    new_device: bool


async def log_in(
    name: str, settings: Settings, http: Http, box: SecretBox, has_keys: Callable[[str, str], bool]
) -> Login:
    """Log a bot in and leave its token in `http`.

    `has_keys(user_id, device_id)` says whether the key store of that device is here: a device whose
    keys are lost is given up for a new one. Raises CurbsideError with what to do, or MatrixError
    while the homeserver is away.
    """
    bot = settings.bots[name]
    stored: dict[str, Any] = await box.load("login") or {}
    known = stored if stored.get("user_id") == bot.user_id else {}
    if bot.appservice_token_file is not None:
        login = await _as_appservice(name, bot, settings, http, known, has_keys)
    elif bot.token_file is not None:
        login = await _with_token(name, bot, settings, http, known, has_keys)
    else:
        login = await _with_password(name, bot, settings, http, known, has_keys)
    kept = {"user_id": login.user_id, "device_id": login.device_id}
    if bot.password_file is not None:
        kept["token"] = http.token or ""
    if kept != stored:
        await box.save("login", kept)
    return login


async def _with_password(
    name: str, bot: BotSettings, settings: Settings, http: Http, known: dict[str, Any],
    has_keys: Callable[[str, str], bool],
) -> Login:  # fmt: skip
    assert bot.password_file is not None
    password = settings.secret(bot.password_file, f"bots.{name}.password_file")
    if known.get("token"):
        http.token = known["token"]
        try:
            await http.request("GET", "/_matrix/client/v3/account/whoami")
            if has_keys(bot.user_id, known["device_id"]):
                return Login(bot.user_id, known["device_id"], password, new_device=False)
            log.warning("the key store of a bot is lost: it gets a new device", extra={"bot": name})
            await http.request("POST", "/_matrix/client/v3/logout", json={})
        except TokenRevoked:
            log.warning("the homeserver ended a bot's session: logging in anew", extra={"bot": name})
    http.token = None
    request = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": bot.user_id},
        "password": password,
        "initial_device_display_name": _DEVICE_NAME,
    }
    try:
        answer = await http.request("POST", "/_matrix/client/v3/login", json=request)
    except MatrixError as error:
        if error.transient:
            raise
        raise CurbsideError(
            f"bots.{name}: {settings.homeserver} refused the password of {bot.user_id} ({error.errcode}); "
            "check password_file and that the account exists."
        ) from None
    if answer.get("user_id") != bot.user_id:
        raise CurbsideError(
            f"bots.{name}.user_id: the homeserver calls this account {answer.get('user_id')}."
        )
    http.token = str(answer["access_token"])
    return Login(bot.user_id, str(answer["device_id"]), password, new_device=True)


async def _with_token(
    name: str, bot: BotSettings, settings: Settings, http: Http, known: dict[str, Any],
    has_keys: Callable[[str, str], bool],
) -> Login:  # fmt: skip
    assert bot.token_file is not None
    http.token = settings.secret(bot.token_file, f"bots.{name}.token_file")
    me = await _whoami(name, http, "token_file")
    device_id = me.get("device_id")
    if me.get("user_id") != bot.user_id:
        raise CurbsideError(f"bots.{name}.token_file: the token belongs to {me.get('user_id')}.")
    if not isinstance(device_id, str):
        raise CurbsideError(
            f"bots.{name}.token_file: the token has no device, so it cannot encrypt; make one by logging in."
        )
    if known.get("device_id") == device_id and not has_keys(bot.user_id, device_id):
        raise CurbsideError(
            f"bots.{name}: the key store of device {device_id} is lost. Log in for a fresh access token, "
            "put it into token_file and log the old session out."
        )
    return Login(bot.user_id, device_id, None, new_device=known.get("device_id") != device_id)


async def _as_appservice(
    name: str, bot: BotSettings, settings: Settings, http: Http, known: dict[str, Any],
    has_keys: Callable[[str, str], bool],
) -> Login:  # fmt: skip
    assert bot.appservice_token_file is not None
    http.token = settings.secret(bot.appservice_token_file, f"bots.{name}.appservice_token_file")
    device_id = known.get("device_id") or bot.device_id or f"CURBSIDE{secrets.token_hex(4).upper()}"
    if known.get("device_id") and not has_keys(bot.user_id, device_id):
        log.warning("the key store of a bot is lost: it gets a new device", extra={"bot": name})
        device_id = f"CURBSIDE{secrets.token_hex(4).upper()}"
    http.masquerade = {"user_id": bot.user_id}
    localpart = bot.user_id[1:].partition(":")[0]
    try:
        await http.request(
            "POST",
            "/_matrix/client/v3/register",
            json={"type": "m.login.application_service", "username": localpart, "inhibit_login": True},
        )
    except MatrixError as error:
        if error.errcode != "M_USER_IN_USE":
            if error.transient:
                raise
            raise CurbsideError(
                f"bots.{name}.appservice_token_file: {settings.homeserver} refused it for {bot.user_id} "
                f"({error.errcode}); check the registration's as_token and its user namespace."
            ) from None
    await http.request(
        "PUT", f"/_matrix/client/v3/devices/{quoted(device_id)}", json={"display_name": _DEVICE_NAME}
    )
    http.masquerade = {"user_id": bot.user_id, "device_id": device_id}
    await _whoami(name, http, "appservice_token_file")
    return Login(bot.user_id, device_id, None, new_device=known.get("device_id") != device_id)


async def _whoami(name: str, http: Http, setting: str) -> dict[str, Any]:
    try:
        return await http.request("GET", "/_matrix/client/v3/account/whoami")
    except MatrixError as error:
        if error.transient:
            raise
        raise CurbsideError(
            f"bots.{name}.{setting}: the homeserver does not know this token ({error.errcode}); "
            "put in a valid one."
        ) from None
