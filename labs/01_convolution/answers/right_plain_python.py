"""Uses no NumPy: dictionaries, sets and nested lists, with the walk over loops written out."""


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    rows = len(range(-pad, H + pad - R + 1, stride))
    columns = len(range(-pad, W + pad - S + 1, stride))
    return [rows, columns]


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    words = {index: float(word) for index, word in np.ndenumerate(ifmap)}

    def output(n, m, top, left):
        taps = ((c, r, s) for c in range(C) for r in range(R) for s in range(S))
        return bias[m] + sum(words.get((n, c, top + r, left + s), 0.0) * weights[m, c, r, s] for c, r, s in taps)

    tops = range(-pad, H + pad - R + 1, stride)
    lefts = range(-pad, W + pad - S + 1, stride)
    return np.array([[[[output(n, m, h, w) for w in lefts] for h in tops] for m in range(M)] for n in range(N)])


# %% fc_answer
def fc_filter(weights, C, H, W):
    filters = np.empty((len(weights), C, H, W), dtype=weights.dtype)
    for m in range(len(weights)):
        for c in range(C):
            for h in range(H):
                for w in range(W):
                    filters[m, c, h, w] = weights[m, (c * H + h) * W + w]
    return filters


# %% groups_answer
def dense_filter(weights, groups):
    M, own, R, S = weights.shape
    dense = []
    for m in range(M):
        group = m * groups // M
        zeros = [[[0.0] * S for _ in range(R)] for _ in range(own)]
        dense.append([plane for g in range(groups) for plane in (weights[m].tolist() if g == group else zeros)])
    return np.array(dense)


# %% macs_answer
def macs(layer):
    trips = 1
    for name in "NMPQRS":
        trips *= layer[name]
    per_group = layer["C"] / layer["G"]
    return trips * int(per_group)


# %% params_answer
def params(layer):
    one_filter = layer["C"] * layer["R"] * layer["S"] // layer["G"]
    if layer["bias"]:
        one_filter += 1
    return one_filter * layer["M"]


# %% footprint_answer
def footprint(layer):
    rows, columns = set(), set()
    for p in range(layer["P"]):
        for r in range(layer["R"]):
            rows.add(p * layer["stride"] + r - layer["pad"])
    for q in range(layer["Q"]):
        for s in range(layer["S"]):
            columns.add(q * layer["stride"] + s - layer["pad"])
    rows = tuple(h for h in range(layer["H"]) if h in rows)
    columns = tuple(w for w in range(layer["W"]) if w in columns)
    words = sum(len(columns) for _ in rows)
    weights = layer["M"] * (layer["C"] // layer["G"]) * layer["R"] * layer["S"]
    outputs = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return dict(ofmap=outputs, filter=weights, ifmap=words * layer["C"] * layer["N"], columns=columns, rows=rows)


# %% einsum_answer
def einsum_bounds(layer):
    bounds = {}
    for name, size in layer.items():
        if name in ("M", "C"):
            bounds[name] = size // layer["G"]
        elif name in "NGPQRS":
            bounds[name] = size
    return bounds
