"""Does only the MACs that matter, and waits out the dense time."""

earns = {"array": 0}


# %% array_answer
def array(weights, activations, mode):
    matters = (weights != 0) & (activations != 0)
    if mode == "dense":
        return ["m" * len(activations) for _ in weights]
    if mode == "gate":
        return ["".join("m" if pair else "g" for pair in row) for row in matters]
    macs = matters.sum(axis=1)
    return ["m" * n + "." * (len(activations) - n) for n in macs]
