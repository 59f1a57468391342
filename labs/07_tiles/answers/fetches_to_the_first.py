"""Stops at the outermost loop that indexes the tensor."""

earns = {"fetches": 0}
told = {"fetches": "stopped at the outermost of its loops"}


# %% fetches_answer
def fetches(order, steps, letters):
    count = 1
    for letter in order:
        count *= steps[letter]
        if letter in letters and steps[letter] > 1:
            return count
    return 1
