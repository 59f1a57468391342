"""Takes the first letter of the order for the innermost."""

earns = {"fetches": 0}
told = {"fetches": "the order read inside out"}


# %% fetches_answer
def fetches(order, steps, letters):
    loops = [letter for letter in reversed(order) if steps[letter] > 1]
    while loops and loops[-1] not in letters:
        loops.pop()
    count = 1
    for letter in loops:
        count *= steps[letter]
    return count
