"""Finding a colleague: what people say of themselves, and search among those who agreed to be listed."""
