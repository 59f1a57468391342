"""Unrolls the windows into a matrix and multiplies, in single precision, as a library would."""


# %% conv_answer
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    P, Q = 1 + (H - R + 2 * pad) // stride, 1 + (W - S + 2 * pad) // stride
    padded = np.zeros((N, C, H + 2 * pad, W + 2 * pad), dtype=np.float32)
    padded[:, :, pad : pad + H, pad : pad + W] = ifmap
    corners = [(p * stride, q * stride) for p in range(P) for q in range(Q)]
    columns = np.stack([padded[:, :, h : h + R, w : w + S].reshape(N, -1) for h, w in corners], axis=2)
    filters = weights.reshape(M, -1).astype(np.float32)
    return (filters @ columns).reshape(N, M, P, Q) + bias.astype(np.float32).reshape(1, M, 1, 1)
