"""How people are read: after cues, by shape, by lists, and what only looks like a name."""
