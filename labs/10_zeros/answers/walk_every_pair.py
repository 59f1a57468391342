"""Compares each coordinate with each: two nested loops."""

earns = {"intersect": 0}
told = {"intersect": "every pair compared"}


# %% intersect_answer
def intersect(a, b):
    return [(x, y) for x in a for y in b]
