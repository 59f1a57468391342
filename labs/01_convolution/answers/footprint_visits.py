"""Collects rows in a list, so a row under two windows is there twice."""

earns = {"footprint": 0}
told = {"footprint": "visits counted instead of words"}


# %% footprint_answer
def footprint(layer):
    stride, pad = layer["stride"], layer["pad"]
    rows = [p * stride + r - pad for p in range(layer["P"]) for r in range(layer["R"])]
    columns = [q * stride + s - pad for q in range(layer["Q"]) for s in range(layer["S"])]
    rows = [h for h in rows if 0 <= h < layer["H"]]
    columns = [w for w in columns if 0 <= w < layer["W"]]
    ifmap = layer["N"] * layer["C"] * len(rows) * len(columns)
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    ofmap = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return dict(rows=rows, columns=columns, ifmap=ifmap, filter=weights, ofmap=ofmap)
