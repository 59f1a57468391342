"""Gives each output word a bias of its own, as in a fully connected layer."""

earns = {"params": 0}
told = {"params": "a bias for every output word"}


# %% params_answer
def params(layer):
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    return weights + layer["M"] * layer["P"] * layer["Q"] * layer["bias"]
