"""Other hospitals: the signed statements that operators exchange, and what each hospital is allowed."""
