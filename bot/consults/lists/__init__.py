"""Finding consults: one's own by any mark, and for moderators those of a service."""
