"""Counts outputs and takes each for one multiplication."""

earns = {"macs": 0}
told = {"macs": "the window left out"}


# %% macs_answer
def macs(layer):
    return layer["N"] * layer["M"] * layer["P"] * layer["Q"]
