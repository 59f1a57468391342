"""Faults on purpose: what is killed, cut, full or held while a class is graded must cost nothing but time.

`python -m tests.autograder.faults` prints the table, `--trials N` with N random moments per kind of kill.
"""
