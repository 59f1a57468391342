"""Returns the coordinates that are in both lists, as a set finds them."""

earns = {"intersect": 0}
told = {"intersect": "finding the matches is free"}


# %% intersect_answer
def intersect(a, b):
    return [(x, x) for x in sorted(set(a) & set(b))]
