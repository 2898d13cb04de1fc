"""What happens to a case in its room: replies, polls, specialists, flags, following up, search, digest."""
