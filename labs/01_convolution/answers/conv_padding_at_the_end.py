"""Guards the far edge so that nothing crashes, and forgets that windows start pad words early."""

earns = {"conv": 0}
told = {"conv": "padding all at the end"}


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    P, Q = (H + 2 * pad - R) // stride + 1, (W + 2 * pad - S) // stride + 1
    ofmap = np.zeros((N, M, P, Q)) + bias.reshape(M, 1, 1)
    for n in range(N):
        for m in range(M):
            for p in range(P):
                for q in range(Q):
                    for c in range(C):
                        for r in range(R):
                            for s in range(S):
                                h, w = p * stride + r, q * stride + s
                                if h < H and w < W:
                                    ofmap[n, m, p, q] += ifmap[n, c, h, w] * weights[m, c, r, s]
    return ofmap
