"""Release, grade and feedback on top of nbgrader; decides outside the student's process.

A student's notebook needs only these: `predict` locks a number, `check` asks the student's function, `mine` gives a
student's own numbers.
"""

from autograder.student import check, mine, predict

__all__ = ["check", "mine", "predict"]
