"""Who works here: services with their rotas, clinicians, and which hospitals' people may talk to us."""
