"""Lets the dense machine stand still at zeros."""

earns = {"array": 0}
told = {"array": "dense hardware skips zeros"}


# %% array_answer
def array(weights, activations, mode):
    matters = (weights != 0) & (activations != 0)
    if mode in ("dense", "gate"):
        return ["".join("m" if pair else "g" for pair in row) for row in matters]
    macs = matters.sum(axis=1)
    return ["m" * n + "." * (max(macs) - n) for n in macs]
