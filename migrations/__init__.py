"""The database's revisions (Alembic); `bot.kernel.migrate` runs them."""
