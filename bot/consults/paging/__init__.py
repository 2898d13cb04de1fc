"""Pages by second channels: an SMS or a pager beside the message in Matrix, one channel after the other."""
