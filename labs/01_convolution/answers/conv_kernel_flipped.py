"""Took a course in signal processing, where convolution turns the kernel round before it slides."""

earns = {"conv": 0}
told = {"conv": "kernel flipped"}


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
                                word = padded[n, c, p * stride + r, q * stride + s]
                                ofmap[n, m, p, q] += word * weights[m, c, R - 1 - r, S - 1 - s]
    return ofmap
