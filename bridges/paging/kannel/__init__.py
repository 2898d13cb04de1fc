"""SMS through the HTTP interface of a Kannel gateway (Kannel 1.4 User's Guide, "Setting up SMS")."""

from bridges.paging.kannel.bridge import make

__all__ = ["make"]
