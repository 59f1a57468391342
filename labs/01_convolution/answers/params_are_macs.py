"""Takes every multiplication for a weight, as it would be if no window shared weights."""

earns = {"params": 0}
told = {"params": "MACs counted instead"}


# %% params_answer
def params(layer):
    outputs = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    weights = outputs * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    return weights + layer["M"] * layer["bias"]
