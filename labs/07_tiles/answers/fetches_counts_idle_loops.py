"""Lets a loop of one step end the reuse."""

earns = {"fetches": 0}
told = {"fetches": "a letter that is not cut ends the reuse"}


# %% fetches_answer
def fetches(order, steps, letters):
    loops = list(order)
    while loops and loops[-1] not in letters:
        loops.pop()
    count = 1
    for letter in loops:
        count *= steps[letter]
    return count
