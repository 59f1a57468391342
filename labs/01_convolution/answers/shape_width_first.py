"""Thinks in images as width x height, as drawing programs do, and returns columns first."""

earns = {"output_shape": 0}
told = {"output_shape": "P and Q swapped"}


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    P = (H + 2 * pad - R) // stride + 1
    Q = (W + 2 * pad - S) // stride + 1
    return Q, P
