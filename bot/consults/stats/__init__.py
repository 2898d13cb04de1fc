"""How consults went: for moderators without names, for everybody their own load."""
