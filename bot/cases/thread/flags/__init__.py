"""A 🚩 on what an author posted hides it at once, and moderators decide."""
