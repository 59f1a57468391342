"""Thinks in arrays: windows as views, sums as einsum, counts as products of lists."""


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    size, kernel = np.array([H, W]), np.array([R, S])
    P, Q = (size + 2 * pad - kernel + stride) // stride
    return P, Q


# %% conv_answer
from numpy.lib.stride_tricks import sliding_window_view


def conv(ifmap, weights, bias, stride, pad):
    padded = np.pad(ifmap, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    windows = sliding_window_view(padded, weights.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncpqrs,mcrs->nmpq", windows, weights) + bias[:, None, None]


# %% fc_answer
def fc_filter(weights, C, H, W):
    return np.stack([np.split(row, C) for row in weights]).reshape(len(weights), C, H, W)


# %% groups_answer
def dense_filter(weights, groups):
    M, own, R, S = weights.shape
    belongs = np.kron(np.eye(groups), np.ones((M // groups, own)))  # 1 where m and c are in one group
    return np.tile(weights, (1, groups, 1, 1)) * belongs[:, :, None, None]


# %% macs_answer
def macs(layer):
    sizes = np.array([layer[name] for name in "NMCPQRS"], dtype=np.int64)
    return sizes.prod() // layer["G"]


# %% params_answer
def params(layer):
    filters = np.empty((layer["M"], layer["C"] // layer["G"], layer["R"], layer["S"]), dtype=np.int8)
    return np.int64(filters.size + np.zeros(layer["M"] if layer["bias"] else 0).size)


# %% footprint_answer
def footprint(layer):
    def touched(size, outputs, kernel):
        under = layer["stride"] * np.arange(layer[outputs])[:, None] + np.arange(layer[kernel]) - layer["pad"]
        return np.intersect1d(under, np.arange(layer[size]))

    rows, columns = touched("H", "P", "R"), touched("W", "Q", "S")
    words = {
        "ofmap": np.prod([layer[name] for name in "NMPQ"]),
        "filter": np.prod([layer[name] for name in "MCRS"]) // layer["G"],
        "ifmap": layer["N"] * layer["C"] * rows.size * columns.size,
    }
    return {"columns": list(columns), "rows": list(rows), **words}


# %% einsum_answer
def einsum_bounds(layer):
    sizes = np.array([layer[name] for name in "NGMCPQRS"])
    sizes[2:4] //= layer["G"]
    return dict(zip("NGMCPQRS", sizes))
