"""The declared rooms against the homeserver's: what differs, and what would mend it. Pure."""
