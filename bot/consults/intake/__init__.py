"""Asking well: from what somebody types to a request that can be answered."""
