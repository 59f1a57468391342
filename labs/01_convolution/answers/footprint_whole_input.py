"""Takes it for granted that a layer reads its whole input."""

earns = {"footprint": 0}
told = {"footprint": "the whole ifmap counted"}


# %% footprint_answer
def footprint(layer):
    rows, columns = list(range(layer["H"])), list(range(layer["W"]))
    ifmap = layer["N"] * layer["C"] * len(rows) * len(columns)
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    ofmap = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return dict(rows=rows, columns=columns, ifmap=ifmap, filter=weights, ofmap=ofmap)
