"""Looks at the innermost loop and no further."""

earns = {"fetches": 0}
told = {"fetches": "only the innermost loop gives reuse"}


# %% fetches_answer
def fetches(order, steps, letters):
    count = 1
    for letter in order:
        count *= steps[letter]
    return count if order[-1] in letters else count // steps[order[-1]]
