"""Curbside's bridges between clinician rooms and what hospitals have."""
