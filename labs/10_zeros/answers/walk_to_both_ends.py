"""Goes on until both lists are used up."""

earns = {"intersect": 0}
told = {"intersect": "the walk goes on"}


# %% intersect_answer
def intersect(a, b):
    steps, i, j = [], 0, 0
    while a and b and (i < len(a) or j < len(b)):
        x, y = a[min(i, len(a) - 1)], b[min(j, len(b) - 1)]
        steps.append((x, y))
        first = i < len(a) and (x <= y or j >= len(b))
        second = j < len(b) and (y <= x or i >= len(a))
        i, j = i + first, j + second
    return steps
