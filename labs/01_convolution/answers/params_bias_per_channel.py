"""Believes that each pair of channels has a bias, because each has its own 2-D filter."""

earns = {"params": 0}
told = {"params": "a bias for every input channel"}


# %% params_answer
def params(layer):
    pairs = layer["M"] * layer["C"] // layer["G"]
    window = layer["R"] * layer["S"] + (1 if layer["bias"] else 0)
    return pairs * window
