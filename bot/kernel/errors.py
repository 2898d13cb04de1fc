"""Errors that reach a person: each message says what to do next."""

from __future__ import annotations


class CurbsideError(Exception):
    """Something an operator can mend; its text is one sentence, shown as it is."""


class KeyMissing(CurbsideError):
    """A sealed value names an at-rest key that the key file no longer holds."""


class SchemaMismatch(CurbsideError):
    """The database's tables are older or newer than this program."""
