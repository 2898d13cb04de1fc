"""Consults between hospitals: what is offered to whom, and what their Curbsides say to each other."""
