"""Counts the tiles of the tensor: each comes once."""

earns = {"fetches": 0}
told = {"fetches": "reuse credited across a relevant loop"}


# %% fetches_answer
def fetches(order, steps, letters):
    count = 1
    for letter in order:
        if letter in letters:
            count *= steps[letter]
    return count
