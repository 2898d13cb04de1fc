"""What every part stands on: inbox, outbox, timers, audit, unit of work, encryption at rest, clock."""
