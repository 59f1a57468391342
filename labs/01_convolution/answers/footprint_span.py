"""Works out the first and last row touched and fills in what lies between."""

earns = {"footprint": 0}
told = {"footprint": "the span counted"}


# %% footprint_answer
def footprint(layer):
    stride, pad = layer["stride"], layer["pad"]
    below, right = (layer["P"] - 1) * stride + layer["R"] - pad, (layer["Q"] - 1) * stride + layer["S"] - pad
    rows = list(range(min(below, layer["H"])))
    columns = list(range(min(right, layer["W"])))
    ifmap = layer["N"] * layer["C"] * len(rows) * len(columns)
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    ofmap = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return dict(rows=rows, columns=columns, ifmap=ifmap, filter=weights, ofmap=ofmap)
