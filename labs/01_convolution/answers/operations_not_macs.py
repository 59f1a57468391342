"""Reads TOPS in data sheets and counts a MAC as the two operations it is."""

earns = {"macs": 0}
told = {"macs": "operations instead of MACs"}


# %% macs_answer
def macs(layer):
    outputs = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return 2 * outputs * layer["C"] // layer["G"] * layer["R"] * layer["S"]
