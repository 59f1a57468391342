"""Writes the formula of a neuron, w * x + b, in the innermost loop."""

earns = {"conv": 0}
told = {"conv": "bias added with every product"}


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    P, Q = (H + 2 * pad - R) // stride + 1, (W + 2 * pad - S) // stride + 1
    padded = np.pad(ifmap, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    ofmap = np.zeros((N, M, P, Q))
    for n in range(N):
        for m in range(M):
            for p in range(P):
                for q in range(Q):
                    for c in range(C):
                        for r in range(R):
                            for s in range(S):
                                word = padded[n, c, p * stride + r, q * stride + s]
                                ofmap[n, m, p, q] += word * weights[m, c, r, s] + bias[m]
    return ofmap
