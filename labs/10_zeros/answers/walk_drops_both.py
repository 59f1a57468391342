"""Goes on in both lists in every cycle."""

earns = {"intersect": 0}
told = {"intersect": "both heads dropped"}


# %% intersect_answer
def intersect(a, b):
    return list(zip(a, b))
