"""Drops the larger head."""

earns = {"intersect": 0}
told = {"intersect": "the larger head dropped"}


# %% intersect_answer
def intersect(a, b):
    steps, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        steps.append((a[i], b[j]))
        i, j = i + (a[i] >= b[j]), j + (b[j] >= a[i])
    return steps
