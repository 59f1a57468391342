"""Counts the weights and forgets that biases are learned too."""

earns = {"params": 0}
told = {"params": "bias left out"}


# %% params_answer
def params(layer):
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    return weights
