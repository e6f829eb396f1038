"""What must be true of which table: one module a table, plain data only.

A suite function takes plain parameters and returns a `Suite`; it opens nothing and
imports no check library. `rules.py` holds the forms that the suites share.
"""
