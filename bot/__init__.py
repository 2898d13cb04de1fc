"""Curbside's bots for clinician rooms on Matrix."""

__version__ = "0.1.0"
