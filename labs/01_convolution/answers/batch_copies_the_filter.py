"""Multiplies everything by the batch, weights included."""

earns = {"params": 0, "footprint": 0}
told = {"params": "batch multiplied in", "footprint": "filter counted once per image"}


# %% params_answer
def params(layer):
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    return layer["N"] * (weights + layer["M"] * layer["bias"])


# %% footprint_answer
def footprint(layer):
    stride, pad = layer["stride"], layer["pad"]
    rows = {p * stride + r - pad for p in range(layer["P"]) for r in range(layer["R"])}
    columns = {q * stride + s - pad for q in range(layer["Q"]) for s in range(layer["S"])}
    rows = sorted(h for h in rows if 0 <= h < layer["H"])
    columns = sorted(w for w in columns if 0 <= w < layer["W"])
    ifmap = layer["N"] * layer["C"] * len(rows) * len(columns)
    weights = layer["N"] * layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    ofmap = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return dict(rows=rows, columns=columns, ifmap=ifmap, filter=weights, ofmap=ofmap)
