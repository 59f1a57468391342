# %% [markdown] nbgrader={"grade": false, "grade_id": "title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # A tiny lab

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
from autograder import check, predict
import numpy as np

# %% [markdown]
# Count the places of a window of `width` on a line of `length`, moved by `stride`.

# %%
predict("places", None)  # replace None by your number


# %% nbgrader={"grade": false, "grade_id": "places_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def places(length, width, stride):
    ### BEGIN SOLUTION
    return (length - width) // stride + 1
    ### END SOLUTION


# %%
try:
    print("5 wide, window 3:", places(5, 3, 1))
except NotImplementedError:
    print("write places() first")

# %% nbgrader={"grade": true, "grade_id": "places", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("places")


# %% nbgrader={"grade": false, "grade_id": "slide_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def slide(line, window):
    ### BEGIN SOLUTION
    n = places(len(line), len(window), 1)
    return np.array([np.dot(line[i : i + len(window)], window) for i in range(n)])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "slide", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("slide")

# %% [markdown] nbgrader={"grade": true, "grade_id": "essay", "locked": false, "points": 1, "schema_version": 3, "solution": true, "task": false}
# Why does a window of one column see every column?
