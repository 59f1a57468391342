"""A corpus of hostile submissions: `attacks/` holds a cell of code each, `folders` what is done to files and notebooks.

`python -m tests.autograder.hostile` runs it on every rung that holds here and prints the table.
"""
