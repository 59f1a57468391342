"""Tries everything on a batch of one and leaves the first index at 0."""

earns = {"conv": 0}
told = {"conv": "only the first image computed"}


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    P, Q = (H + 2 * pad - R) // stride + 1, (W + 2 * pad - S) // stride + 1
    padded = np.pad(ifmap, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    ofmap = np.zeros((N, M, P, Q))
    for m, p, q in np.ndindex(M, P, Q):
        window = padded[0, :, p * stride : p * stride + R, q * stride : q * stride + S]
        ofmap[0, m, p, q] = (window * weights[m]).sum() + bias[m]
    return ofmap
