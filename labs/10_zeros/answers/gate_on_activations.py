"""Looks at the activations only, as Eyeriss does."""

earns = {"array": 0}
told = {"array": "one operand looked at"}


# %% array_answer
def array(weights, activations, mode):
    matters = (activations != 0) & np.ones(weights.shape, bool)
    if mode == "dense":
        return ["m" * len(activations) for _ in weights]
    if mode == "gate":
        return ["".join("m" if pair else "g" for pair in row) for row in matters]
    macs = matters.sum(axis=1)
    return ["m" * n + "." * (max(macs) - n) for n in macs]
