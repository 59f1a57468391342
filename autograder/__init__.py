"""Release, grade and feedback on top of nbgrader; decides outside the student's process.

A student's notebook needs only these two: `predict` locks a number, `check` asks the student's function.
"""

from autograder.student import check, predict

__all__ = ["check", "predict"]
