"""Works from the drawing of a filter on one channel and never adds the loop over c."""

earns = {"conv": 0}
told = {"conv": "only the first channel used"}


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    P, Q = (H + 2 * pad - R) // stride + 1, (W + 2 * pad - S) // stride + 1
    padded = np.pad(ifmap, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    ofmap = np.zeros((N, M, P, Q))
    for n, m, p, q in np.ndindex(N, M, P, Q):
        window = padded[n, 0, p * stride : p * stride + R, q * stride : q * stride + S]
        ofmap[n, m, p, q] = (window * weights[m, 0]).sum() + bias[m]
    return ofmap
