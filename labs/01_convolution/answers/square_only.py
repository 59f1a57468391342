"""Has only seen square images and filters, so one size does for both directions."""

earns = {"output_shape": 0, "conv": 0}
told = {"output_shape": "square only", "conv": "square only"}


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    size = (H + 2 * pad - R) // stride + 1
    return size, size


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    N, C, size, _ = ifmap.shape
    M, _, K, _ = weights.shape
    out = (size + 2 * pad - K) // stride + 1
    padded = np.pad(ifmap, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    ofmap = np.zeros((N, M, out, out)) + bias.reshape(M, 1, 1)
    for n, m, p, q, c, r, s in np.ndindex(N, M, out, out, C, K, K):
        ofmap[n, m, p, q] += padded[n, c, p * stride + r, q * stride + s] * weights[m, c, r, s]
    return ofmap
