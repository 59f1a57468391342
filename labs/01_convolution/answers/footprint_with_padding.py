"""Counts the padded input, zeros and all, as data that must be fetched."""

earns = {"footprint": 0}
told = {"footprint": "padding counted as data"}


# %% footprint_answer
def footprint(layer):
    stride, pad = layer["stride"], layer["pad"]
    rows = {p * stride + r - pad for p in range(layer["P"]) for r in range(layer["R"])}
    columns = {q * stride + s - pad for q in range(layer["Q"]) for s in range(layer["S"])}
    rows = sorted(rows)
    columns = sorted(columns)
    ifmap = layer["N"] * layer["C"] * len(rows) * len(columns)
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    ofmap = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return dict(rows=rows, columns=columns, ifmap=ifmap, filter=weights, ofmap=ofmap)
