"""Short messages to people on call: SMS through Kannel, pagers by SNPP."""
