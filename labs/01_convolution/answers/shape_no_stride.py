"""Counts a window at every row; the stride is read and not used."""

earns = {"output_shape": 0}
told = {"output_shape": "stride left out"}


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    P = H + 2 * pad - R + 1
    Q = W + 2 * pad - S + 1
    return P, Q
