"""Pagers by the Simple Network Paging Protocol (RFC 1861, level 1 with the logins of level 2)."""

from bridges.paging.snpp.bridge import make

__all__ = ["make"]
