"""Fetches at every step."""

earns = {"fetches": 0}
told = {"fetches": "no reuse at all"}


# %% fetches_answer
def fetches(order, steps, letters):
    count = 1
    for letter in order:
        count *= steps[letter]
    return count
