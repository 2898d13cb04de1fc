"""Signing in at one's hospital (OpenID Connect) through a link with a one-time code: level L3."""

from bot.directory.signin.pages import ROUTES as ROUTES
from bot.directory.signin.service import free as free
from bot.directory.signin.service import link_for as link_for
