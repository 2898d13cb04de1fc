"""Clinicians as the hospital's directory names them: whom it holds is verified (L3), who is gone is not."""
