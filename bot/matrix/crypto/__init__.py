"""End-to-end encryption: the Olm machine, cross-signing, trust in devices, withheld keys."""
