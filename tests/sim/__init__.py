"""Ninety days of three hospitals, minute by minute, on the program's own rules."""
