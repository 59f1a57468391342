"""Takes skipping for not multiplying: the cycle of a zero still passes."""

earns = {"array": 0}
told = {"array": "a skipped zero still takes its cycle"}


# %% array_answer
def array(weights, activations, mode):
    matters = (weights != 0) & (activations != 0)
    if mode == "dense":
        return ["m" * len(activations) for _ in weights]
    if mode in ("gate", "skip"):
        return ["".join("m" if pair else "g" for pair in row) for row in matters]
    macs = matters.sum(axis=1)
    return ["m" * n + "." * (max(macs) - n) for n in macs]
