"""Homeservers and clients on this machine, for `curbside dev`, the demo and the tests."""
