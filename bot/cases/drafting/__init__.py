"""From what an author writes to a case in its specialty room."""
