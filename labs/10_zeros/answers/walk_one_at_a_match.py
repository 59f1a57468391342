"""Drops one head at a match and finds the other alone in the next cycle."""

earns = {"intersect": 0}
told = {"intersect": "one head kept at a match"}


# %% intersect_answer
def intersect(a, b):
    steps, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        steps.append((a[i], b[j]))
        if a[i] <= b[j]:
            i += 1
        else:
            j += 1
    return steps
