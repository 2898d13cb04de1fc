"""Anonymous yet accountable: receipts, sanctions on a pseudonym, unmasking by two, erasing the way back."""
