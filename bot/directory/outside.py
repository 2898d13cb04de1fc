"""How the hospital's other systems are spoken to: over TLS, whose certificates are always checked."""

from __future__ import annotations

import ssl

from bot.settings import BadSettings, Settings


def tls(settings: Settings) -> ssl.SSLContext:
    """A context that trusts the system's authorities, and the hospital's own where the settings name it."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.verification.ca_file is not None:
        path = settings.path(settings.verification.ca_file)
        try:
            context.load_verify_locations(path)
        except (OSError, ssl.SSLError):
            raise BadSettings(
                f"verification.ca_file: {path} holds no certificates that can be read."
            ) from None
    return context
