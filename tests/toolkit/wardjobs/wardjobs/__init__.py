"""A jobs list for a ward: an example of a capability that another package brings."""
