"""Writes the formula of the lecture's first example, which had no padding."""

earns = {"output_shape": 0}
told = {"output_shape": "padding left out"}


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    P = (H - R) // stride + 1
    Q = (W - S) // stride + 1
    return P, Q
