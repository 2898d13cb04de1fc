"""Open consults that something has to be done about: found in the database."""
