"""Gets the loops right without padding and leaves the pad argument for later."""

earns = {"conv": 0}
told = {"conv": "padding left out"}


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    P, Q = (H - R) // stride + 1, (W - S) // stride + 1
    ofmap = np.zeros((N, M, P, Q)) + bias.reshape(M, 1, 1)
    for n in range(N):
        for m in range(M):
            for p in range(P):
                for q in range(Q):
                    for c in range(C):
                        for r in range(R):
                            for s in range(S):
                                word = ifmap[n, c, p * stride + r, q * stride + s]
                                ofmap[n, m, p, q] += word * weights[m, c, r, s]
    return ofmap
