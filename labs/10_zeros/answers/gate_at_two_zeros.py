"""Stands still only where both words are zero."""

earns = {"array": 0}
told = {"array": "a pair of one zero kept"}


# %% array_answer
def array(weights, activations, mode):
    matters = (weights != 0) | (activations != 0)
    if mode == "dense":
        return ["m" * len(activations) for _ in weights]
    if mode == "gate":
        return ["".join("m" if pair else "g" for pair in row) for row in matters]
    macs = matters.sum(axis=1)
    return ["m" * n + "." * (max(macs) - n) for n in macs]
