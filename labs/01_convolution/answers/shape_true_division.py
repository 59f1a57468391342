"""Types the formula from the book with / and never tries a size that does not come out even."""

earns = {"output_shape": 0}
told = {"output_shape": "division that leaves fractions"}


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    P = (H + 2 * pad - R) / stride + 1
    Q = (W + 2 * pad - S) / stride + 1
    return P, Q
