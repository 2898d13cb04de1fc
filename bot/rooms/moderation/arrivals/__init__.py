"""Who came into which room, and the rushes of many at once."""
