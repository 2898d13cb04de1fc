"""Who and what is in the rooms that the bots know, for features to read."""
