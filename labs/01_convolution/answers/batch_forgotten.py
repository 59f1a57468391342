"""Counts one image, as papers about latency do, whatever the batch."""

earns = {"macs": 0, "footprint": 0, "einsum": 0}
told = {"macs": "batch left out", "footprint": "batch left out", "einsum": "batch left out"}


# %% macs_answer
def macs(layer):
    outputs = layer["M"] * layer["P"] * layer["Q"]
    return outputs * layer["C"] // layer["G"] * layer["R"] * layer["S"]


# %% footprint_answer
def footprint(layer):
    stride, pad = layer["stride"], layer["pad"]
    rows = {p * stride + r - pad for p in range(layer["P"]) for r in range(layer["R"])}
    columns = {q * stride + s - pad for q in range(layer["Q"]) for s in range(layer["S"])}
    rows = sorted(h for h in rows if 0 <= h < layer["H"])
    columns = sorted(w for w in columns if 0 <= w < layer["W"])
    ifmap = layer["C"] * len(rows) * len(columns)
    weights = layer["M"] * layer["C"] // layer["G"] * layer["R"] * layer["S"]
    ofmap = layer["M"] * layer["P"] * layer["Q"]
    return dict(rows=rows, columns=columns, ifmap=ifmap, filter=weights, ofmap=ofmap)


# %% einsum_answer
def einsum_bounds(layer):
    G = layer["G"]
    return dict(
        N=1,
        G=G,
        M=layer["M"] // G,
        C=layer["C"] // G,
        P=layer["P"],
        Q=layer["Q"],
        R=layer["R"],
        S=layer["S"],
    )
