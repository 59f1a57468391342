"""Shares the MACs that matter evenly over all PEs."""

earns = {"array": 0}
told = {"array": "speedup is 1 over the density"}


# %% array_answer
def array(weights, activations, mode):
    matters = (weights != 0) & (activations != 0)
    if mode == "dense":
        return ["m" * len(activations) for _ in weights]
    if mode == "gate":
        return ["".join("m" if pair else "g" for pair in row) for row in matters]
    macs = [len(part) for part in np.array_split(np.arange(matters.sum()), len(weights))]
    return ["m" * n + "." * (max(macs) - n) for n in macs]
