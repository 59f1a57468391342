"""Stops at the first match."""

earns = {"intersect": 0}


# %% intersect_answer
def intersect(a, b):
    steps, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        steps.append((a[i], b[j]))
        if a[i] == b[j]:
            break
        i, j = i + (a[i] < b[j]), j + (b[j] < a[i])
    return steps
