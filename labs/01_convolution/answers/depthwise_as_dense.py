"""Counts every output channel as reading all input channels; depthwise layers then look expensive."""

earns = {"macs": 0, "params": 0, "footprint": 0, "einsum": 0}
told = {
    "macs": "grouped layer counted as dense",
    "params": "grouped layer counted as dense",
    "footprint": "grouped layer counted as dense",
    "einsum": "grouped layer counted as dense",
}


# %% macs_answer
def macs(layer):
    outputs = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return outputs * layer["C"] * layer["R"] * layer["S"]


# %% params_answer
def params(layer):
    weights = layer["M"] * layer["C"] * layer["R"] * layer["S"]
    return weights + layer["M"] * layer["bias"]


# %% footprint_answer
def footprint(layer):
    stride, pad = layer["stride"], layer["pad"]
    rows = {p * stride + r - pad for p in range(layer["P"]) for r in range(layer["R"])}
    columns = {q * stride + s - pad for q in range(layer["Q"]) for s in range(layer["S"])}
    rows = sorted(h for h in rows if 0 <= h < layer["H"])
    columns = sorted(w for w in columns if 0 <= w < layer["W"])
    ifmap = layer["N"] * layer["C"] * len(rows) * len(columns)
    weights = layer["M"] * layer["C"] * layer["R"] * layer["S"]
    ofmap = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return dict(rows=rows, columns=columns, ifmap=ifmap, filter=weights, ofmap=ofmap)


# %% einsum_answer
def einsum_bounds(layer):
    G = layer["G"]
    return dict(
        N=layer["N"],
        G=G,
        M=layer["M"],
        C=layer["C"],
        P=layer["P"],
        Q=layer["Q"],
        R=layer["R"],
        S=layer["S"],
    )
