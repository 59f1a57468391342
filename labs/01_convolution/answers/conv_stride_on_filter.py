"""Knows that the stride enters the index and puts it beside the wrong letter."""

earns = {"conv": 0}
told = {"conv": "stride multiplies the filter index"}


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    P, Q = (H + 2 * pad - R) // stride + 1, (W + 2 * pad - S) // stride + 1
    padded = np.pad(ifmap, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    ofmap = np.zeros((N, M, P, Q)) + bias.reshape(M, 1, 1)
    for n in range(N):
        for m in range(M):
            for p in range(P):
                for q in range(Q):
                    for c in range(C):
                        for r in range(R):
                            for s in range(S):
                                word = padded[n, c, p + r * stride, q + s * stride]
                                ofmap[n, m, p, q] += word * weights[m, c, r, s]
    return ofmap
