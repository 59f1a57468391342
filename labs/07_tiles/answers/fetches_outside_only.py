"""Counts the loops outside the innermost of the tensor's own."""

earns = {"fetches": 0}
told = {"fetches": "the innermost of its loops left out"}


# %% fetches_answer
def fetches(order, steps, letters):
    loops = [letter for letter in order if steps[letter] > 1]
    while loops and loops[-1] not in letters:
        loops.pop()
    count = 1
    for letter in loops[:-1]:
        count *= steps[letter]
    return count
