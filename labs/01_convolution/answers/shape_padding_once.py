"""Reads pad as the total number of rows added, not as rows on each side."""

earns = {"output_shape": 0}
told = {"output_shape": "padding on one side only"}


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    P = (H + pad - R) // stride + 1
    Q = (W + pad - S) // stride + 1
    return P, Q
