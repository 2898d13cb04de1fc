"""Retention: how long messages stay in a declared room, and what was deleted."""
