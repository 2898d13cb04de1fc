"""What people wrote about a consult beside its request and answer, and the survey after its end."""
