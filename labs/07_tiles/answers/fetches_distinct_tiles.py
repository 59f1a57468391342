"""Counts the different tiles wanted, by walking."""

earns = {"fetches": 0}
told = {"fetches": "reuse credited across a relevant loop"}


# %% fetches_answer
def fetches(order, steps, letters):
    seen = set()
    for at in itertools.product(*(range(steps[letter]) for letter in order)):
        seen.add(tuple(i for letter, i in zip(order, at) if letter in letters))
    return len(seen)
