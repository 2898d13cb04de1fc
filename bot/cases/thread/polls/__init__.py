"""Polls and diagnosis quizzes under a case: Matrix polls, with votes by text beside them."""
