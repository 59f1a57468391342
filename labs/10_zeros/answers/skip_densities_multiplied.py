"""Works out from the densities how many MACs each PE has."""

earns = {"array": 0}
told = {"array": "densities multiply"}


# %% array_answer
def array(weights, activations, mode):
    matters = (weights != 0) & (activations != 0)
    if mode == "dense":
        return ["m" * len(activations) for _ in weights]
    if mode == "gate":
        return ["".join("m" if pair else "g" for pair in row) for row in matters]
    macs = [round(weights.shape[1] * (weights != 0).mean() * (activations != 0).mean())] * len(weights)
    return ["m" * n + "." * (max(macs) - n) for n in macs]
