"""Speaking Matrix: sync, sending, keys and cross-signing, rooms. The only place that knows nio."""
