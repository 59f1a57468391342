"""Adds a bias per filter to every layer, also where batch normalisation has replaced it."""

earns = {"params": 0}
told = {"params": "a bias where there is none"}


# %% params_answer
def params(layer):
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    return weights + layer["M"]
