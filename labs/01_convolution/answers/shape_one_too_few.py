"""Remembers "size minus filter over stride" and forgets that the first window needs no step."""

earns = {"output_shape": 0}
told = {"output_shape": "one position too few"}


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    P = (H + 2 * pad - R) // stride
    Q = (W + 2 * pad - S) // stride
    return P, Q
