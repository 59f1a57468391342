"""Learned the formula at stride 1 as H - R + 1 and divides the whole of it by the stride."""

earns = {"output_shape": 0}
told = {"output_shape": "the 1 added before dividing"}


# %% output_shape_answer
def output_shape(H, W, R, S, stride, pad):
    P = (H + 2 * pad - R + 1) // stride
    Q = (W + 2 * pad - S + 1) // stride
    return P, Q
