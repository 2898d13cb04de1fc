"""Spaces and specialty rooms as declared, who may be in them, and keeping them civil."""
